// Authenticates a client by an HTTP service of the operator. It is asked once, at CONNECT, and its answer has the rights of the client.

import { setTimeout as sleep } from 'node:timers/promises'
import { SERVER_BUSY, SERVER_UNAVAILABLE } from '../../packet/reason.ts'
import type { Credentials } from '../access.ts'
import type { Authenticator, FoundOrRefused } from '../authenticator.ts'
import { WrongRules } from '../given-rules.ts'
import { LimitedWork } from '../limited-work.ts'
import { networkOf } from '../addresses.ts'
import { FailedLogins } from '../password/failed-logins.ts'
import { TriesInTurn } from '../password/tries-in-turn.ts'
import { refusal } from '../refusals.ts'
import { WrongJson } from '../strict-json.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { answerIn, questionOf } from './hook-answer.ts'
import { RememberedAnswers } from './remembered-answers.ts'
import { type HttpAnswer, HttpFailure, type HttpService } from './http-request.ts'

interface HttpAuthenticatorOptions {
  readonly service: Pick<HttpService, 'ask'>
  /** Sent as Authorization: Bearer; null for none. */
  readonly token: string | null
  readonly requestsMax: number
  readonly requestsQueuedMax: number
  /** How long a client that was allowed needs no new request. */
  readonly cacheSeconds: number
  /** Is called when a request failed. */
  readonly failed: (cause: string) => void
  /** A clock that never goes back, in milliseconds, the time of day, and timers: tests replace them. */
  readonly now?: () => number
  readonly timeOfDay?: () => number
  readonly pause?: (milliseconds: number) => Promise<unknown>
}

export class HttpAuthenticator implements Authenticator {
  readonly name = 'http'
  readonly #options: HttpAuthenticatorOptions
  readonly #now: () => number
  readonly #breaker: CircuitBreaker
  readonly #requests: LimitedWork
  readonly #remembered: RememberedAnswers
  /** The questions under way, by their digests. */
  readonly #asked = new Map<string, Promise<FoundOrRefused>>()
  readonly #failures = new FailedLogins()
  readonly #tries = new TriesInTurn()

  constructor(options: HttpAuthenticatorOptions) {
    const { requestsMax, requestsQueuedMax, now = () => performance.now() } = options
    this.#options = options
    this.#now = now
    this.#remembered = new RememberedAnswers(options.cacheSeconds * 1_000)
    this.#breaker = new CircuitBreaker(now)
    this.#requests = new LimitedWork({ atOnceMax: requestsMax, queuedMax: requestsQueuedMax })
  }

  authenticate(credentials: Credentials): FoundOrRefused | Promise<FoundOrRefused> {
    const question = questionOf(credentials)
    if (question === null) return NO_TEXT
    const digest = this.#remembered.digestOf(question)
    const known = this.#remembered.get(digest, this.#now())
    if (known !== null) return known
    const asked = this.#asked.get(digest)
    if (asked !== undefined) return asked
    const answer = this.#inTurn(credentials, () => this.#ask(question, digest, credentials))
    this.#asked.set(digest, answer)
    return answer.finally(() => this.#asked.delete(digest))
  }

  get isTroubled(): boolean {
    return this.#breaker.failures > 0
  }

  get counters(): Readonly<Record<string, number>> {
    return {
      httpRequests: this.#requests.done,
      httpRequestsQueued: this.#requests.queued,
      httpRequestsTurnedAway: this.#requests.refused + this.#tries.turnedAway,
      httpRequestsSpared: this.#breaker.spared,
      httpFailuresInARow: this.#breaker.failures,
      httpRemembered: this.#remembered.size,
      httpRememberedHits: this.#remembered.hits,
      httpDenied: this.#failures.failed,
    }
  }

  /** Whoever was denied before waits, and its attempts are made one after another. */
  #inTurn(
    { username, clientId, address }: Credentials,
    ask: () => Promise<FoundOrRefused>,
  ): Promise<FoundOrRefused> {
    const { pause = (milliseconds: number) => sleep(milliseconds, undefined, { ref: false }) } =
      this.#options
    const network = networkOf(address)
    const user = username ?? `client ${clientId}`
    const delay = (): number => this.#failures.delayBefore(user, network, this.#now())
    const counted = async (): Promise<FoundOrRefused> => {
      const answer = await ask()
      if (answer?.kind === 'found') this.#failures.succeed(user, network)
      else if (answer !== null && answer.reason !== SERVER_UNAVAILABLE && answer !== BUSY) {
        this.#failures.fail(user, network, this.#now())
      }
      return answer
    }
    if (delay() === 0) return counted()
    const late = this.#tries.make(`${network}\0${user}`, async () => {
      await pause(delay())
      return counted()
    })
    return late ?? Promise.resolve(BUSY)
  }

  async #ask(question: Buffer, digest: string, credentials: Credentials): Promise<FoundOrRefused> {
    const answer = await this.#requests.run(networkOf(credentials.address), async () =>
      this.#breaker.mayAsk() ? this.#request(question, credentials) : OUT_OF_ORDER,
    )
    if (answer === 'busy') return BUSY
    if (answer?.kind === 'found') this.#remembered.add(digest, answer, this.#now())
    return answer
  }

  async #request(question: Buffer, credentials: Credentials): Promise<FoundOrRefused> {
    const { service, token, failed, timeOfDay = Date.now } = this.#options
    try {
      const { status, body }: HttpAnswer = await service.ask({
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': String(question.length),
          accept: 'application/json',
          ...(token !== null && { authorization: `Bearer ${token}` }),
        },
        body: question,
      })
      const answer = answerIn(status, body, credentials, timeOfDay())
      this.#breaker.succeeded()
      return answer
    } catch (error) {
      this.#breaker.failed()
      failed(causeOf(error))
      return OUT_OF_ORDER
    }
  }
}

function causeOf(error: unknown): string {
  if (error instanceof HttpFailure) return error.message
  if (error instanceof WrongJson) return `an answer that ${error.message}`
  if (error instanceof WrongRules) return `an answer with wrong rules: ${error.message}`
  return 'a fault of the broker itself'
}

const NO_TEXT = refusal('its password is not UTF-8, as the HTTP service needs it')
const OUT_OF_ORDER = refusal(
  'the HTTP service that knows users does not answer',
  SERVER_UNAVAILABLE,
)
const BUSY = refusal('too many clients wait for the HTTP service', SERVER_BUSY)
