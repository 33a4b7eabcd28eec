// A transactional consumer: carries each message of a named queue on, exactly once. Some it gives back, and from time to time it dies.

import type { IPublishPacket } from 'mqtt'
import type { Actor, Door, Ground } from '../ground.ts'
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

export class Carrier implements Actor {
  readonly #ground: Ground
  readonly #settings: CarrierSettings
  #client: TransactionClient | null = null
  #number = 0
  #carried = 0
  #aborted = 0
  #deaths = 0
  #isStopping = false
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
    client.mqtt.on('message', (topic, payload, packet) => {
      if (topic.startsWith('$tx/')) return
      this.#work = this.#work.then(() => this.#takeUp(client, payload, packet))
    })
    const userProperties = { transactional: 'true' }
    await client.mqtt.subscribeAsync(from, { qos: 1, properties: { userProperties } })
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#work
    await this.#client?.mqtt.endAsync()
  }

  async #takeUp(client: TransactionClient, payload: Buffer, packet: IPublishPacket): Promise<void> {
    // What a lost connection brought is somebody else's by now.
    if (client !== this.#client) return
    const deliveryId = packet.properties?.userProperties?.['delivery-id']
    const { clientId, to } = this.#settings
    const id = `carry.${++this.#number}`
    try {
      await client.say(id, `publish/${to}`, `${numberIn(payload)} by ${clientId}`)
      await client.say(id, 'ack', typeof deliveryId === 'string' ? deliveryId : 'none')
      await this.#decide(client, id)
    } catch (error) {
      this.#ground.ledger.found(`${clientId} at ${id}: ${String(error)}`)
      await this.#die()
    }
  }

  async #decide(client: TransactionClient, id: string): Promise<void> {
    const { random, ledger } = this.#ground
    const chance = random()
    if (chance < 1 / ABORTS_ONE_IN) {
      await client.end(id, 'abort', 2)
      this.#aborted += 1
    } else if (chance < 1 / ABORTS_ONE_IN + 1 / DIES_ONE_IN && !this.#isStopping) {
      // Whether it is committed nobody says: if not, the message comes again.
      if (random() < 0.5) void client.end(id, 'commit', 2).catch(() => {})
      await this.#die()
    } else {
      const outcome = await client.end(id, 'commit', 2)
      if (outcome === 'committed') this.#carried += 1
      else ledger.found(`${id} of ${this.#settings.clientId} was ${outcome}`)
    }
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
