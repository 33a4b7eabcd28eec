// Sets and clears retained messages, and reads them all from time to time: what was acknowledged before must be there, or what is newer.

import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import { connect, lost, type Actor, type Ground, urlOf, whileThere } from '../ground.ts'

const TOPICS = 300
const READS_EACH = 100
const ROOT = 'soak/retained/'
const MARKER = '$retained-complete/soak'

export class Retainer implements Actor {
  readonly #ground: Ground
  readonly #milliseconds: number
  /** The value of each topic that was acknowledged; 0: cleared. */
  readonly #values = new Map<number, number>()
  #client: MqttClient | null = null
  #isStopping = false
  #work: Promise<void> = Promise.resolve()
  #set = 0
  #reads = 0

  constructor(ground: Ground, milliseconds: number) {
    this.#ground = ground
    this.#milliseconds = milliseconds
  }

  get done(): string {
    return `${this.#set} retained messages were set or cleared, and all of them read ${this.#reads} times`
  }

  async start(): Promise<void> {
    this.#client = await connect(this.#ground, 'tls', { clientId: 'retainer', clean: true })
    this.#work = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#work
    for (const topic of this.#values.keys()) await this.#retain(topic, 0)
    await this.#client?.endAsync()
  }

  async #run(): Promise<void> {
    for (let step = 1; !this.#isStopping; step++) {
      const topic = Math.floor(this.#ground.random() * TOPICS)
      await this.#retain(topic, this.#ground.random() < 0.2 ? 0 : step)
      if (step % READS_EACH === 0) {
        await this.#readAll().catch(error =>
          lost(this.#ground, `retained messages: ${String(error)}`),
        )
      }
      await new Promise(resolve => setTimeout(resolve, this.#milliseconds))
    }
  }

  async #retain(topic: number, value: number): Promise<void> {
    const payload = value === 0 ? '' : `${value}`
    await this.#client?.publishAsync(ROOT + topic, payload, { qos: 1, retain: true })
    this.#values.set(topic, value)
    this.#set += 1
  }

  /** Nobody else writes, and this client waits for each acknowledgement: what is read must be what was written. */
  async #readAll(): Promise<void> {
    const { ledger } = this.#ground
    const settings = { protocolVersion: 5, reconnectPeriod: 0 } as const
    const reader = await mqtt.connectAsync(urlOf(this.#ground, 'ws'), settings, false)
    reader.on('error', () => {})
    const read = new Map<string, string>()
    const complete = new Promise<void>(resolve => {
      reader.on('message', (topic, payload) => {
        if (topic === MARKER) resolve()
        else read.set(topic, payload.toString())
      })
    })
    await whileThere(reader, reader.subscribeAsync([`${ROOT}#`, MARKER], { qos: 1 }))
    await whileThere(reader, complete)
    for (const [topic, value] of this.#values) {
      const got = read.get(ROOT + topic) ?? '0'
      if (got !== `${value}`) ledger.found(`retained message of ${topic} is ${got}, not ${value}`)
    }
    this.#reads += 1
    await reader.endAsync()
  }
}
