// Has a durable session and must get all messages of its streams. Some leave from time to time, and come back.

import mqtt, { type MqttClient } from 'mqtt'
import type { QoS } from '../../src/packet/packet.ts'
import { connect, DURABLE, endSession, type Actor, type Door, type Ground } from '../ground.ts'
import { partIn } from '../transaction-ledger.ts'
import { numberIn } from './publisher.ts'
import { TRANSACTIONS_ROOT } from './teller.ts'

/** What must be true of what it gets: `transactions`: all or none of each; the others are rules of the ledger. */
type ReceivingRule = 'in-order' | 'shared' | 'once' | 'transactions'

export interface SubscriberSettings {
  readonly clientId: string
  readonly door: Door
  readonly protocolVersion: 4 | 5
  readonly filter: string
  readonly qos: 1 | 2
  readonly rule: ReceivingRule
  /** How long it stays, and then is away; null: it stays. */
  readonly stays: { readonly milliseconds: number; readonly awayMilliseconds: number } | null
}

export class Subscriber implements Actor {
  readonly settings: SubscriberSettings
  readonly #ground: Ground
  /** What QoS 2 has to remember over its connections. */
  readonly #incomingStore = new mqtt.Store({ clean: false })
  #client: MqttClient | null = null
  #timer: NodeJS.Timeout | null = null
  #coming: Promise<void> = Promise.resolve()
  #received = 0
  #absences = 0
  #isFinishing = false

  constructor(ground: Ground, settings: SubscriberSettings) {
    this.#ground = ground
    this.settings = settings
    if (settings.rule === 'transactions') {
      ground.ledger.transactions.addReceiver(settings.clientId)
    }
  }

  get done(): string {
    return `${this.settings.clientId} received ${this.#received} and was away ${this.#absences} times`
  }

  async start(): Promise<void> {
    const { filter, qos } = this.settings
    const client = await this.#come()
    await client.subscribeAsync(filter, { qos })
    this.#stay()
  }

  async finish(): Promise<void> {
    this.#isFinishing = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#coming
    if (this.#client === null) await this.#come()
  }

  async stop(): Promise<void> {
    await this.#client?.endAsync()
    await endSession(this.#ground, this.settings.door, this.settings.clientId)
  }

  async #come(): Promise<MqttClient> {
    const { clientId, door, protocolVersion } = this.settings
    const incomingStore = this.#incomingStore
    const options = { clientId, protocolVersion, incomingStore, ...DURABLE }
    const client = await connect(this.#ground, door, options, (topic, payload, { qos }) => {
      this.#received += 1
      this.#record(topic, payload, qos)
    })
    this.#client = client
    return client
  }

  /** `qos`: of the delivery, the smaller one of the publication's and the subscription's. */
  #record(topic: string, payload: Buffer, qos: QoS): void {
    const { ledger } = this.#ground
    const { clientId, rule } = this.settings
    if (rule === 'shared') ledger.work(topic, numberIn(payload))
    else if (rule === 'once') ledger.receiveOnce(topic, numberIn(payload))
    else if (rule === 'in-order') ledger.receive(topic, numberIn(payload), clientId, qos)
    else {
      const part = partIn(topic.slice(TRANSACTIONS_ROOT.length), payload)
      ledger.receivePart(clientId, part, qos)
    }
  }

  #stay(): void {
    const { stays } = this.settings
    if (stays === null || this.#isFinishing) return
    this.#timer = setTimeout(() => {
      this.#coming = this.#leaveAndCome(stays.awayMilliseconds)
    }, stays.milliseconds)
  }

  async #leaveAndCome(awayMilliseconds: number): Promise<void> {
    await this.#client?.endAsync(true)
    this.#client = null
    this.#absences += 1
    await new Promise(resolve => setTimeout(resolve, awayMilliseconds))
    await this.#come()
    this.#stay()
  }
}
