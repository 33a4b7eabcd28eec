// Watches live values: of each stream it gets the newest at most once in an interval, and the last always.

import type { MqttClient } from 'mqtt'
import { connect, type Actor, type Door, type Ground } from '../ground.ts'
import { numberIn } from './publisher.ts'

export interface WatcherSettings {
  readonly clientId: string
  readonly door: Door
  readonly filter: string
  readonly milliseconds: number
}

/** The first comes at once, and the clocks of both sides are not the same. */
const SPARE = 3

export class Watcher implements Actor {
  readonly #ground: Ground
  readonly #settings: WatcherSettings
  readonly #counts = new Map<string, number>()
  #client: MqttClient | null = null
  #start = 0

  constructor(ground: Ground, settings: WatcherSettings) {
    this.#ground = ground
    this.#settings = settings
  }

  get done(): string {
    const counts = [...this.#counts.values()].join(', ')
    return `${this.#settings.clientId} saw ${counts} values of the streams`
  }

  async start(): Promise<void> {
    const { clientId, door, filter, milliseconds } = this.#settings
    this.#client = await connect(
      this.#ground,
      door,
      { clientId, clean: true },
      (topic, payload) => {
        this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1)
        const { ledger, losesConnections } = this.#ground
        // A publisher that lost its connection sends again what it sent at QoS 1.
        ledger.receiveNewest(topic, numberIn(payload), clientId, losesConnections)
      },
    )
    this.#start = performance.now()
    const userProperties = { '$conflate-ms': `${milliseconds}` }
    await this.#client.subscribeAsync(filter, { qos: 0, properties: { userProperties } })
  }

  async stop(): Promise<void> {
    const { clientId, milliseconds } = this.#settings
    const countMax = (performance.now() - this.#start) / milliseconds + SPARE
    for (const [topic, count] of this.#counts) {
      if (count <= countMax) continue
      this.#ground.ledger.found(`${clientId} saw ${count} values of ${topic}: too many`)
    }
    await this.#client?.endAsync()
  }
}
