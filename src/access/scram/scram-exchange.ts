// One authentication by SCRAM-SHA-256 or SCRAM-SHA-512 (RFC 5802, RFC 7677): two messages of the client, two answers.
// The client computes the slow hash. The server needs a few fast ones.

import { randomBytes } from 'node:crypto'
import { NOT_AUTHORIZED, SERVER_BUSY } from '../../packet/reason.ts'
import type { AuthenticationStep, Exchange, Verdict } from '../access.ts'
import type { LoginAnswer } from '../password/login-attempts.ts'
import type { ScramDigest } from '../password/password-hash.ts'
import {
  clientFinalIn,
  type ClientFinal,
  clientFirstIn,
  type ClientFirst,
  serverFirst,
  WrongScram,
} from './scram-messages.ts'
import { proofMatches, serverProof } from './scram-proof.ts'
import type { ScramVerifier } from './scram-users.ts'

/** What an exchange needs of the users. */
interface ScramHost {
  verifierFor(username: string): ScramVerifier
  /** Whether this is still the hash of the user, who may have the client id. */
  isStill(username: string, written: string): boolean
  /** Verifies in its turn and after its delay; null when too many wait. */
  attempt(username: string, verify: () => LoginAnswer): Promise<LoginAnswer> | null
  allowed(username: string, data: Buffer): Verdict
}

type Refused = Extract<Verdict, { kind: 'refused' }>

const NONCE_BYTES = 18

/** The client has been asked for its proof. */
interface Asked {
  readonly first: ClientFirst
  readonly answer: string
  /** The nonce of the client with that of the server. */
  readonly nonce: string
  readonly verifier: ScramVerifier
}

export class ScramExchange implements Exchange {
  readonly #host: ScramHost
  /** The user that CONNECT or the certificate names; null if neither does. */
  readonly #expectedUser: string | null
  #state: 'begun' | Asked | 'over' = 'begun'

  constructor(expectedUser: string | null, host: ScramHost) {
    this.#host = host
    this.#expectedUser = expectedUser
  }

  step({ data }: AuthenticationStep): Verdict | Promise<Verdict> {
    const state = this.#state
    this.#state = 'over'
    try {
      if (state === 'begun') return this.#ask(clientFirstIn(data))
      if (state !== 'over') return this.#prove(state, clientFinalIn(data))
      throw new WrongScram('the exchange is over')
    } catch (error) {
      if (error instanceof WrongScram) return refused(error.message)
      throw error
    }
  }

  #ask(first: ClientFirst): Verdict {
    if (this.#expectedUser !== null && first.username !== this.#expectedUser) {
      throw new WrongScram(
        'the user of SCRAM is another one than that of CONNECT or the certificate',
      )
    }
    const verifier = this.#host.verifierFor(first.username)
    const nonce = `${first.nonce}${randomBytes(NONCE_BYTES).toString('base64')}`
    const { salt, iterations } = verifier.hash
    const answer = serverFirst(nonce, salt, iterations)
    this.#state = { first, answer, nonce, verifier }
    return { kind: 'continue', data: Buffer.from(answer) }
  }

  #prove(asked: Asked, final: ClientFinal): Verdict | Promise<Verdict> {
    const { first, answer, nonce, verifier } = asked
    if (final.nonce !== nonce) throw new WrongScram('the nonce is not that of this exchange')
    if (final.gs2Header !== first.gs2Header) {
      throw new WrongScram('the channel binding is not that of the first message')
    }
    const { username } = first
    const message = `${first.bare},${answer},${final.withoutProof}`
    const verify = (): LoginAnswer =>
      this.#isProved(username, verifier, message, final.proof) ? 'right' : 'wrong'
    const attempt = this.#host.attempt(username, verify)
    if (attempt === null) return BUSY
    return attempt.then(found =>
      found === 'right'
        ? this.#host.allowed(username, serverProof(verifier.hash, message))
        : WRONG_PROOF,
    )
  }

  /** The file may have changed since the client was asked. */
  #isProved(
    username: string,
    { hash, written }: ScramVerifier,
    message: string,
    proof: Buffer,
  ): boolean {
    const matches = proofMatches(hash, message, proof)
    return matches && written !== null && this.#host.isStill(username, written)
  }
}

/** The digest of a method of enhanced authentication; null for another method. */
export function scramDigestOf(method: string): ScramDigest | null {
  switch (method) {
    case 'SCRAM-SHA-256':
      return 'sha256'
    case 'SCRAM-SHA-512':
      return 'sha512'
    default:
      return null
  }
}

function refused(sentence: string): Refused {
  return { kind: 'refused', reason: NOT_AUTHORIZED, sentence }
}

/** The same for a wrong password and for an unknown user. */
const WRONG_PROOF = refused('user name or password is wrong')
const BUSY: Refused = {
  kind: 'refused',
  reason: SERVER_BUSY,
  sentence: 'too many logins of this user from this address wait',
}
