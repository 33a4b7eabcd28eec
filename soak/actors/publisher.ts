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
const ANSWER_MILLISECONDS_MAX = 15_000
const PACKET_IDENTIFIER_NOT_FOUND = 0x92
const SETTLE_MILLISECONDS = 20

export class Publisher implements Actor {
  readonly #ground: Ground
  readonly #settings: PublisherSettings
  #client: MqttClient | null = null
  #timer: NodeJS.Timeout | null = null
  #number = 0
  /** When each was published that has no answer yet. */
  readonly #underWay = new Map<number, number>()
  /** What MQTT.js has given up, in its order. */
  readonly #unsent: number[] = []

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
    while (this.#underWay.size > 0) {
      this.#forgetOld()
      await new Promise(resolve => setTimeout(resolve, SETTLE_MILLISECONDS))
    }
  }

  async stop(): Promise<void> {
    await this.#client?.endAsync()
    await endSession(this.#ground, this.#settings.door, this.#settings.clientId)
  }

  #publish(): void {
    this.#forgetOld()
    const isBusy = this.#unsent.length > 0 || this.#underWay.size >= UNDER_WAY_MAX
    if (this.#client === null || isBusy) return
    this.#underWay.set(++this.#number, performance.now())
    this.#send(this.#client, this.#number)
  }

  #send(client: MqttClient, number: number): void {
    const { stream, topic, qos, rule, payloadBytes } = this.#settings
    const payload = `${number} `.padEnd(payloadBytes, 'x')
    client.publish(topic(number), payload, { qos }, error => {
      if (error && isUnsent(error, this.#ground)) {
        this.#sendLater(client, number)
        return
      }
      this.#underWay.delete(number)
      const { ledger } = this.#ground
      if (error && !isOver(error)) ledger.found(`${stream} ${number} was refused: ${error.message}`)
      else ledger.acknowledge(stream, number, rule)
    })
  }
  /** MQTT.js does not always say what became of a message of QoS 2 that it sent again. Whether it came, the receivers know. */
  #forgetOld(): void {
    if (!this.#ground.losesConnections) return
    const old = performance.now() - ANSWER_MILLISECONDS_MAX
    for (const [number, at] of this.#underWay) if (at < old) this.#underWay.delete(number)
  }

  /** Not within the loop in which MQTT.js gives up: what is published there is given up by the same loop. */
  #sendLater(client: MqttClient, number: number): void {
    if (this.#unsent.push(number) > 1) return
    setImmediate(() => {
      for (const each of this.#unsent.splice(0)) this.#send(client, each)
    })
  }
}

/**
 * MQTT.js gives up what it was told to publish while it was sending again what an earlier connection had not settled, if it loses this
 * connection too. It was never sent.
 */
function isUnsent(error: Error, { losesConnections }: Ground): boolean {
  return losesConnections && error.message === 'Connection closed'
}

/** The broker does not know the identifier of a PUBREL that is sent again: it had the first one, and its PUBCOMP was lost. */
function isOver(error: Error & { code?: unknown }): boolean {
  return error.code === PACKET_IDENTIFIER_NOT_FOUND
}

export function numberIn(payload: Buffer): number {
  return Number.parseInt(payload.subarray(0, 16).toString(), 10)
}
