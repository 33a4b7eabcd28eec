// Asks the access the questions of one connection. The answer is always a verdict, even if the access throws, rejects or
// returns something else.

import type { ClientCertificate, Connecting, Exchange, Verdict } from '../access/access.ts'
import { verdictIn } from '../access/verdict.ts'
import type { Connection } from '../connection/connection.ts'
import type { Question } from '../connection/connection-context.ts'
import { BAD_AUTHENTICATION_METHOD, SERVER_UNAVAILABLE } from '../packet/reason.ts'
import type { ClientSocketContext } from './client-socket.ts'

/** From the first question to the verdict that allows or refuses. */
export class Authentication {
  readonly #context: ClientSocketContext
  readonly #connection: Connection
  #exchange: Exchange | null = null

  constructor(context: ClientSocketContext, connection: Connection) {
    this.#context = context
    this.#connection = connection
  }

  /** Calls back with the verdict, at once or later. */
  ask(question: Question, answered: (verdict: Verdict) => void): void {
    const answer = this.#answerTo(question)
    const { certificate } = question.credentials
    if (!isPromise(answer)) {
      answered(whileValid(this.#verdictIn(answer), certificate))
      return
    }
    void Promise.resolve(answer)
      .then(
        late => whileValid(this.#verdictIn(late), certificate),
        error => this.#noVerdict(error),
      )
      .then(answered)
  }

  #answerTo(question: Question): Verdict | Promise<Verdict> {
    const { access } = this.#context
    try {
      const connecting = this.#connecting()
      if (question.kind === 'authenticate') {
        return access.authenticate(question.credentials, connecting)
      }
      if (question.isFirst) {
        this.#exchange = access.beginExchange(question.method, question.credentials, connecting)
      }
      if (this.#exchange === null) {
        const sentence = 'the authentication method is not offered'
        return { kind: 'refused', reason: BAD_AUTHENTICATION_METHOD, sentence }
      }
      return this.#exchange.step({ method: question.method, data: question.data })
    } catch (error) {
      return this.#noVerdict(error)
    }
  }

  /** Undefined for a re-authentication. */
  #connecting(): Connecting | undefined {
    const { state, peer } = this.#connection
    if (state.kind !== 'authenticating') return undefined
    return { connect: state.connect, peer }
  }

  /** Checks the answer: the access may be a program's own. */
  #verdictIn(answer: unknown): Verdict {
    try {
      return verdictIn(answer) ?? this.#noVerdict(new TypeError('the answer is no verdict'))
    } catch (error) {
      return this.#noVerdict(error)
    }
  }

  /** The access has failed: the client is refused. */
  #noVerdict(error: unknown): Verdict {
    const { broker } = this.#context.connections
    broker.faults.failed('authentication', error, this.#connection.clientId)
    const sentence = 'the authentication is not available'
    return { kind: 'refused', reason: SERVER_UNAVAILABLE, sentence }
  }
}

/**
 * Rights end with the certificate that the client came with, however it was authenticated. Its last second is part of
 * its time (RFC 5280, 4.1.2.5).
 */
function whileValid(verdict: Verdict, certificate: ClientCertificate | null): Verdict {
  const { validTo } = certificate ?? {}
  if (verdict.kind !== 'allowed' || validTo === undefined) return verdict
  const leftMs = Math.max(0, validTo + 1_000 - Date.now())
  return { ...verdict, validForMs: Math.min(leftMs, verdict.validForMs ?? Infinity) }
}

/** True also for promises of other libraries. */
function isPromise(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'then' in answer
}
