// Shares messages with others: a member of a share group, or a consumer of a named queue. One refuses some messages, one dies and comes back.

import type { MqttClient } from 'mqtt'
import { connect, endSession, subscribe, type Actor, type Door, type Ground } from '../ground.ts'
import { numberIn } from './publisher.ts'

export interface WorkerSettings {
  readonly clientId: string
  readonly door: Door
  readonly filter: string
  /** One in so many messages is refused; 0: none. */
  readonly refusesOneIn: number
  /** After so many messages it closes its connection without a word, and comes back; 0: never. */
  readonly diesAfter: number
}

const UNSPECIFIED_ERROR = 0x80
const AWAY_MILLISECONDS = 300
const SESSION_SECONDS = 600

export class Worker implements Actor {
  readonly #ground: Ground
  readonly #settings: WorkerSettings
  #client: MqttClient | null = null
  #worked = 0
  #refused = 0
  #deaths = 0
  #isStopping = false
  #coming: Promise<void> = Promise.resolve()

  constructor(ground: Ground, settings: WorkerSettings) {
    this.#ground = ground
    this.#settings = settings
  }

  get done(): string {
    return `${this.#settings.clientId} worked on ${this.#worked}, refused ${this.#refused}, died ${this.#deaths} times`
  }

  async start(): Promise<void> {
    const { clientId, door, filter, diesAfter } = this.#settings
    // A named queue collects without consumers; a share group ends with the last session of a member, as when all lose their connections.
    const isOfGroup = filter.startsWith('$share/')
    const client = await connect(this.#ground, door, {
      clientId,
      clean: !isOfGroup,
      properties: { receiveMaximum: 10, sessionExpiryInterval: isOfGroup ? SESSION_SECONDS : 0 },
      customHandleAcks: (topic, payload, _packet, acknowledge) => {
        if (this.#refuses()) acknowledge(UNSPECIFIED_ERROR)
        else {
          this.#worked += 1
          this.#ground.ledger.work(topic, numberIn(payload))
          acknowledge(0)
        }
        if (diesAfter > 0 && (this.#worked + this.#refused) % diesAfter === 0) this.#die()
      },
    })
    this.#client = client
    await subscribe(this.#ground, client, filter, { qos: 1 })
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#coming
    await this.#client?.endAsync()
    await endSession(this.#ground, this.#settings.door, this.#settings.clientId)
  }

  #refuses(): boolean {
    const { refusesOneIn } = this.#settings
    if (refusesOneIn === 0 || this.#ground.random() * refusesOneIn >= 1) return false
    this.#refused += 1
    return true
  }

  #die(): void {
    const client = this.#client
    if (client === null || this.#isStopping) return
    this.#client = null
    this.#deaths += 1
    this.#coming = client.endAsync(true).then(async () => {
      await new Promise(resolve => setTimeout(resolve, AWAY_MILLISECONDS))
      await this.start()
    })
  }
}
