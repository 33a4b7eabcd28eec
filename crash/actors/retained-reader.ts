// A newcomer who asks what is retained, now and then right after a restart, and once all is quiet.

import { Client } from '../client.ts'
import type { Ledger } from '../ledger.ts'
import type { MessageId } from '../payload.ts'
import type { Random } from '../random.ts'
import type { Actor } from './actor.ts'

const CHANCE = 0.3
const PATIENCE_MILLISECONDS = 5_000

export class RetainedReader implements Actor {
  readonly #client: Client
  readonly #ledger: Ledger
  readonly #random: Random
  #port = 0
  #isReading = false
  #givesUpAt = 0

  constructor(clientId: string, ledger: Ledger, random: Random) {
    this.#ledger = ledger
    this.#random = random
    const facts = { clientId, version: 4, isDurable: false } as const
    this.#client = new Client(facts, ledger, {
      connected: () => this.#ask(),
      heardRetained: (topic, id) => this.#heard(topic, id),
      answeredPing: () => this.#isEverythingThere(),
      closed: () => (this.#isReading = false),
    })
  }

  get isSettled(): boolean {
    return !this.#isReading
  }

  get isBusy(): boolean {
    return this.#isReading
  }

  up(port: number): void {
    this.#port = port
    if (this.#random.chance(CHANCE)) this.read()
  }

  settle(): void {
    // It reads when everybody else is settled.
  }

  resume(): void {
    // It reads when the broker starts.
  }

  read(): void {
    if (!this.#client.isIdle) return
    this.#isReading = true
    this.#client.connect(this.#port, true)
  }

  stop(): void {
    this.#client.cut()
  }

  #ask(): void {
    this.#givesUpAt = performance.now() + PATIENCE_MILLISECONDS
    this.#ledger.record({ kind: 'retained-asked', client: this.#client.facts.clientId })
    this.#client.subscribe('crash/retained/#', 1)
    this.#client.ping()
  }

  #heard(topic: string, id: MessageId): void {
    const client = this.#client.facts.clientId
    this.#ledger.record({ kind: 'retained-heard', client, topic, ...id })
  }

  /** Nothing marks the end of what is retained: it is asked for until all that must be there has come. */
  #isEverythingThere(): void {
    const client = this.#client.facts.clientId
    const isComplete = this.#ledger.checker.retained.missing(client).length === 0
    if (isComplete || performance.now() > this.#givesUpAt) {
      this.#ledger.record({ kind: 'retained-told', client })
      this.#client.sayGoodbye(false)
      return
    }
    setTimeout(() => this.#client.ping(), 5)
  }
}
