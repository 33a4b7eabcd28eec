// A transactional consumer: carries each message of a named queue on, exactly once. Some it gives back, and from time to time it dies.

import { lost, subscribe, type Actor, type Door, type Ground } from '../ground.ts'
import { TransactionClient } from '../transaction-client.ts'
import { numberIn } from './publisher.ts'

export interface CarrierSettings {
  readonly clientId: string
  readonly door: Door
  /** What it subscribes to. */
  readonly from: string
  /** Where it publishes: a topic, or a queue. */
  readonly to: string
}

const ABORTS_ONE_IN = 40
const DIES_ONE_IN = 200
const AWAY_MILLISECONDS = 300
const HELD_MAX = 10

interface Held {
  readonly number: number
  readonly deliveryId: string
}

export class Carrier implements Actor {
  readonly #ground: Ground
  readonly #settings: CarrierSettings
  #client: TransactionClient | null = null
  #number = 0
  #carried = 0
  #aborted = 0
  #deaths = 0
  #isStopping = false
  /** What this connection has and no transaction has taken up. */
  #held: Held[] = []
  /** Transactions of one name come one after the other, for their numbers must rise. */
  #work: Promise<void> = Promise.resolve()

  constructor(ground: Ground, settings: CarrierSettings) {
    this.#ground = ground
    this.#settings = settings
  }

  get done(): string {
    return `${this.#settings.clientId} carried ${this.#carried}, gave back ${this.#aborted}, died ${this.#deaths} times`
  }

  async start(): Promise<void> {
    const { clientId, door, from } = this.#settings
    const properties = { receiveMaximum: HELD_MAX }
    const client = await TransactionClient.connect(this.#ground, door, { clientId, properties })
    this.#client = client
    // What a lost connection brought is somebody else's by now.
    this.#held = []
    client.mqtt.on('message', (topic, payload, packet) => {
      if (topic.startsWith('$tx/') || client !== this.#client) return
      const given = packet.properties?.userProperties?.['delivery-id']
      const deliveryId = typeof given === 'string' ? given : 'none'
      this.#held.push({ number: numberIn(payload), deliveryId })
      this.#work = this.#work.then(() => this.#takeUp(client))
    })
    client.mqtt.on('close', () => {
      if (client === this.#client && !this.#isStopping)
        this.#work = this.#work.then(() => this.#comeBack(client))
    })
    const userProperties = { transactional: 'true' }
    await subscribe(this.#ground, client.mqtt, from, { qos: 1, properties: { userProperties } })
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#work
    await this.#client?.mqtt.endAsync()
  }

  /** All that it holds, in one transaction. */
  async #takeUp(client: TransactionClient): Promise<void> {
    const held = this.#held
    if (client !== this.#client || held.length === 0 || this.#isStopping) return
    this.#held = []
    const { clientId, to } = this.#settings
    const id = `carry.${++this.#number}`
    const ids = held.map(({ deliveryId }) => deliveryId).join('\n')
    try {
      await Promise.all([
        ...held.map(({ number }) => client.say(id, `publish/${to}`, `${number} by ${clientId}`, 2)),
        client.say(id, 'ack', ids),
      ])
      await this.#decide(client, id, held.length)
    } catch (error) {
      lost(this.#ground, `${clientId} at ${id}: ${String(error)}`)
      await this.#die()
    }
  }

  async #decide(client: TransactionClient, id: string, messages: number): Promise<void> {
    const { random, ledger } = this.#ground
    const chance = random()
    if (chance < 1 / ABORTS_ONE_IN) {
      await client.end(id, 'abort', messages + 1)
      this.#aborted += messages
    } else if (chance < 1 / ABORTS_ONE_IN + 1 / DIES_ONE_IN) {
      // Whether it is committed nobody says: if not, the messages come again.
      if (random() < 0.5) void client.end(id, 'commit', messages + 1).catch(() => {})
      await this.#die()
    } else {
      const outcome = await client.end(id, 'commit', messages + 1)
      if (outcome === 'committed') this.#carried += messages
      else ledger.found(`${id} of ${this.#settings.clientId} was ${outcome}`)
    }
  }

  /** Its connection was lost while it had nothing to do. */
  async #comeBack(client: TransactionClient): Promise<void> {
    if (client !== this.#client || this.#isStopping) return
    lost(this.#ground, `${this.#settings.clientId} lost its connection`)
    await this.#die()
  }

  async #die(): Promise<void> {
    this.#deaths += 1
    const client = this.#client
    this.#client = null
    await client?.vanish()
    await new Promise(resolve => setTimeout(resolve, AWAY_MILLISECONDS))
    await this.start()
  }
}
