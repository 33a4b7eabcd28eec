// Publishes numbered messages at a rate.

import type { IClientOptions, MqttClient } from 'mqtt'
import { connect, DURABLE, endSession, type Actor, type Door, type Ground } from '../ground.ts'
import type { Rule } from '../ledger.ts'

export interface PublisherSettings {
  readonly clientId: string
  readonly door: Door
  /** The topic behind which the number of the message stands. */
  readonly stream: string
  readonly topic: (number: number) => string
  readonly qos: 1 | 2
  readonly rule: Rule
  readonly milliseconds: number
  readonly payloadBytes: number
}

const UNDER_WAY_MAX = 50
const PACKET_IDENTIFIER_NOT_FOUND = 0x92
const SETTLE_MILLISECONDS = 20

export class Publisher implements Actor {
  readonly #ground: Ground
  readonly #settings: PublisherSettings
  #client: MqttClient | null = null
  #timer: NodeJS.Timeout | null = null
  #number = 0
  #underWay = 0

  constructor(ground: Ground, settings: PublisherSettings) {
    this.#ground = ground
    this.#settings = settings
  }

  get done(): string {
    return `${this.#settings.clientId} published ${this.#number}`
  }

  async start(): Promise<void> {
    const { clientId, door, milliseconds } = this.#settings
    const options: IClientOptions & { clientId: string } = { clientId, ...DURABLE }
    this.#client = await connect(this.#ground, door, options)
    this.#timer = setInterval(() => this.#publish(), milliseconds)
  }

  async finish(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    while (this.#underWay > 0) {
      await new Promise(resolve => setTimeout(resolve, SETTLE_MILLISECONDS))
    }
  }

  async stop(): Promise<void> {
    await this.#client?.endAsync()
    await endSession(this.#ground, this.#settings.door, this.#settings.clientId)
  }

  #publish(): void {
    if (this.#client === null || this.#underWay >= UNDER_WAY_MAX) return
    const { stream, topic, qos, rule, payloadBytes } = this.#settings
    const number = ++this.#number
    this.#underWay += 1
    const payload = `${number} `.padEnd(payloadBytes, 'x')
    this.#client.publish(topic(number), payload, { qos }, error => {
      this.#underWay -= 1
      const { ledger } = this.#ground
      if (error && !isOver(error)) ledger.found(`${stream} ${number} was refused: ${error.message}`)
      else ledger.acknowledge(stream, number, rule)
    })
  }
}

/** The broker does not know the identifier of a PUBREL that is sent again: it had the first one, and its PUBCOMP was lost. */
function isOver(error: Error & { code?: unknown }): boolean {
  return error.code === PACKET_IDENTIFIER_NOT_FOUND
}

export function numberIn(payload: Buffer): number {
  return Number.parseInt(payload.subarray(0, 16).toString(), 10)
}
