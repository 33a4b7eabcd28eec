// A new client that subscribes to all retained messages: sometimes right after a restart, and always when all is settled.

import { Client } from '../client.ts'
import type { EventLog } from '../event-log.ts'
import type { MessageId } from '../payload.ts'
import type { Random } from '../random.ts'
import type { Actor } from './actor.ts'

const CHANCE = 0.3
const PATIENCE_MILLISECONDS = 5_000

export class RetainedReader implements Actor {
  readonly #client: Client
  readonly #log: EventLog
  readonly #random: Random
  #port = 0
  #isReading = false
  #givesUpAt = 0

  constructor(clientId: string, log: EventLog, random: Random) {
    this.#log = log
    this.#random = random
    const facts = { clientId, version: 4, isDurable: false } as const
    this.#client = new Client(facts, log, {
      connected: () => this.#ask(),
      receivedRetained: (topic, id) => this.#received(topic, id),
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
    // It reads when all others are settled.
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
    this.#log.record({ kind: 'retained-asked', client: this.#client.facts.clientId })
    this.#client.subscribe('crash/retained/#', 1)
    this.#client.ping()
  }

  #received(topic: string, id: MessageId): void {
    const client = this.#client.facts.clientId
    this.#log.record({ kind: 'retained-received', client, topic, ...id })
  }

  /** MQTT has no mark for the end of retained messages, so the client asks until all that must be there has come. */
  #isEverythingThere(): void {
    const client = this.#client.facts.clientId
    const isComplete = this.#log.checker.retained.missing(client).length === 0
    if (isComplete || performance.now() > this.#givesUpAt) {
      this.#log.record({ kind: 'retained-answered', client })
      this.#client.sendDisconnect(false)
      return
    }
    setTimeout(() => this.#client.ping(), 5)
  }
}
