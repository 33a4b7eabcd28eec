// A random world around one named queue, and a model of what its messages may do: who has each, how often it was handed out, and
// whether it is over. Each event of the world is a turn of its own, so that the model is exact.

import { strict as assert } from 'node:assert'
import type { PublishPacket } from '../../src/packet/packet.ts'
import {
  changedSettings,
  keyOfOrder,
  queueDefaults,
  type QueueSettings,
} from '../../src/routing/queue-settings.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Snapshot } from '../../src/store/store.ts'
import type { PondClient } from '../pond-client.ts'
import { Pond } from '../pond.ts'

const QUEUE = 'jobs'
const REFUSED = 0x80
const CONSUMERS = ['one', 'two', 'three']
const STORED = { sessionExpiryInterval: 100_000 }

interface Holder {
  readonly connection: Connection
  readonly packetId: number
  readonly at: number
}

interface Job {
  readonly number: number
  readonly key: string | null
  readonly expiresAt: number
  count: number
  holder: Holder | null
  /** Connections that had it past the deadline. */
  readonly past: Set<Connection>
  /** Not before this time, after a refusal. */
  notBefore: number
  end: 'settled' | 'expired' | 'refused' | 'deliveries' | 'overflow' | 'replaced' | null
  /** It was there at a restart. It comes again until the broker has read the newer one of its key from the store. */
  mayReturn: boolean
}

class Connection {
  readonly client: PondClient
  readonly qos: 0 | 1
  /** What came and was not given to the model yet. */
  readonly packets: PublishPacket[] = []
  readonly held = new Map<number, Job>()

  constructor(client: PondClient, qos: 0 | 1) {
    this.client = client
    this.qos = qos
  }
}

export class QueueWorld {
  readonly settings: QueueSettings
  readonly #store = new MemoryStore(3)
  readonly #random: () => number
  readonly #jobs: Job[] = []
  readonly #connections = new Map<string, Connection>()
  #pond: Pond
  #publisher: PondClient
  #delivered: (readonly [clientId: string, payload: string])[] = []
  handOuts = 0

  constructor(seed: number, settings: Partial<QueueSettings>) {
    let state = seed
    this.#random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return state / 0x8000_0000
    }
    const changed = changedSettings(QUEUE, queueDefaults(QUEUE), {
      filters: ['work/#'],
      ...settings,
    })
    assert(typeof changed !== 'string', 'the settings are right')
    this.settings = changed
    this.#pond = this.#newPond(null, 1_700_000_000_000)
    this.#publisher = this.#pond.client('publisher')
  }

  async runs(events: number): Promise<void> {
    for (let event = 0; event < events; event++) {
      if (this.#below(60) === 0) await this.#restarts()
      else this.#happens()
      this.#looks()
    }
  }

  /** All consumers leave, time passes, and one consumer takes all that is left. Returns what the dead letters are. */
  ends(): ReadonlyMap<number, string> {
    for (const clientId of this.#connections.keys()) {
      this.#leaves(clientId)
      this.#looks()
    }
    this.#pond.passes({ seconds: 100_000 })
    this.#publisher = this.#pond.client('publisher')
    for (const job of this.#jobs) {
      job.notBefore = 0
      if (job.end === null && job.expiresAt <= this.#pond.now) job.end = 'expired'
    }
    const last = this.#comes('last', 1, false)
    for (let rounds = 0; rounds < 10_000 && last.held.size > 0; rounds++) {
      for (const packetId of [...last.held.keys()]) this.#answers(last, packetId, 0)
      this.#looks()
    }
    return this.#deadLetters()
  }

  /** What the model says of each message that must be a dead letter, or was lost. */
  expected(): ReadonlyMap<number, string> {
    const expected = new Map<number, string>()
    for (const { number, end, count } of this.#jobs) {
      if (end !== 'settled' && end !== 'replaced') expected.set(number, `${end} ${count}`)
    }
    return expected
  }

  #newPond(snapshot: Snapshot | null, now: number): Pond {
    return new Pond({
      now,
      store: this.#store,
      limits: { queuedInMemoryMax: 4, inFlightMax: 5 },
      queues: { named: new Map([[QUEUE, { ...this.settings }]]) },
      observer: {
        delivered: (clientId, { payload }) => this.#delivered.push([clientId, payload.toString()]),
      },
      ...(snapshot !== null && { snapshot }),
    })
  }

  async #restarts(): Promise<void> {
    for (const job of this.#jobs) {
      job.mayReturn ||= job.end === null
      if (job.holder !== null) this.#givenBack(job)
      job.past.clear()
      job.notBefore = 0
    }
    this.#connections.clear()
    this.#delivered = []
    await this.#store.close()
    this.#pond = this.#newPond(await this.#store.open(), this.#pond.now)
    this.#publisher = this.#pond.client('publisher')
  }

  #happens(): void {
    const clientId = CONSUMERS[this.#below(3)] ?? ''
    const connection = this.#connections.get(clientId)
    const dice = this.#below(20)
    if (dice < 8) this.#publishes()
    else if (connection === undefined) {
      this.#comes(clientId, this.#below(8) === 0 ? 0 : 1, this.#below(2) === 0)
    } else if (dice < 15) this.#answersOne(connection)
    else if (dice === 15) this.#leaves(clientId)
    else if (dice === 16) this.#passes(1 + this.#below(20))
    else if (dice === 17) this.#subscribes(connection)
  }

  #publishes(): void {
    const number = this.#jobs.length
    const topic = this.#below(6) === 0 ? `$queue/${QUEUE}` : `work/${this.#below(3)}`
    const qos = this.#below(3) === 0 ? 0 : this.#below(2) === 0 ? 1 : 2
    const expires = this.#below(6) === 0 && !this.settings.latestByKey
    const seconds = expires ? 1 + this.#below(30) : Infinity
    const properties = {
      ...(this.#below(3) > 0 && { userProperties: [['color', `${this.#below(2)}`]] as const }),
      ...(seconds < Infinity && { messageExpiryInterval: seconds }),
    }
    const payload = Buffer.from(`${number}`)
    const message = { topic, payload, properties, publisher: 'publisher' }
    const keyOf = keyOfOrder(this.settings)
    const job: Job = {
      number,
      key:
        keyOf === null
          ? null
          : keyOf({ ...message, qos: 1, retain: false, expiresAt: 0, sequence: 0 }),
      expiresAt: this.#pond.now + seconds * 1_000,
      count: 0,
      holder: null,
      past: new Set(),
      notBefore: 0,
      end: null,
      mayReturn: false,
    }
    for (const older of this.#jobs) if (this.#isReplacedBy(older, job)) older.end = 'replaced'
    this.#jobs.push(job)
    const packetId = this.#publisher.publishes(topic, `${number}`, { qos, properties })
    if (qos === 2) this.#publisher.acknowledges('pubrel', packetId)
    this.#publisher.receives()
  }

  #comes(clientId: string, qos: 0 | 1, isDurable: boolean): Connection {
    const client = this.#pond.stranger(
      clientId,
      // Nobody sends PINGREQ here.
      { keepAliveSeconds: 0, ...(isDurable && { cleanStart: false, properties: STORED }) },
    )
    const connection = new Connection(client, qos)
    this.#connections.set(clientId, connection)
    // A session that has consumed before gets messages with its CONNACK.
    client.connects()
    client.subscribes(`$queue/${QUEUE}`, qos)
    this.#looks()
    return connection
  }

  #subscribes({ client, qos }: Connection): void {
    const filter = `$queue/${QUEUE}${this.#below(2) === 0 ? '' : '/work/#'}`
    if (this.#below(3) === 0) client.unsubscribes(filter)
    else client.subscribes(filter, qos)
  }

  #answersOne(connection: Connection): void {
    const open = [...connection.held.keys()]
    const packetId = open[this.#below(open.length)]
    if (packetId !== undefined)
      this.#answers(connection, packetId, this.#below(4) === 0 ? REFUSED : 0)
  }

  #answers(connection: Connection, packetId: number, reason: number): void {
    const job = connection.held.get(packetId)
    connection.held.delete(packetId)
    const { holder } = job ?? {}
    const isHeld = holder?.connection === connection && holder.packetId === packetId
    if (job !== undefined && isHeld && job.end === null) {
      job.holder = null
      if (reason === 0) job.end = 'settled'
      else if (this.#hasNewer(job)) job.end = 'replaced'
      else this.#refused(job)
    }
    connection.client.acknowledges('puback', packetId, reason === 0 ? 0 : REFUSED)
  }

  #refused(job: Job): void {
    const { deliveriesMax, retryDelaySeconds, retryDelaySecondsMax } = this.settings
    if (job.count >= deliveriesMax) job.end = 'refused'
    const seconds = Math.min(retryDelaySeconds * 2 ** (job.count - 1), retryDelaySecondsMax)
    job.notBefore = this.#pond.now + seconds * 1_000
  }

  #leaves(clientId: string): void {
    const connection = this.#connections.get(clientId)
    if (connection === undefined) return
    this.#connections.delete(clientId)
    for (const job of this.#jobs) if (job.holder?.connection === connection) this.#givenBack(job)
    if (this.#below(2) === 0) connection.client.vanishes()
    else connection.client.disconnects()
  }

  #givenBack(job: Job): void {
    job.holder = null
    if (job.end === null && this.#hasNewer(job)) job.end = 'replaced'
    if (job.end === null && job.count >= this.settings.deliveriesMax) job.end = 'deliveries'
  }

  #passes(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.#pond.passes({ seconds: 1 })
      for (const job of this.#jobs) {
        if (job.holder === null || job.end !== null || !this.#isOverdue(job.holder)) continue
        if (this.#hasNewer(job)) {
          job.end = 'replaced'
          job.holder = null
        } else if (job.count >= this.settings.deliveriesMax) {
          job.end = 'deliveries'
          job.holder = null
        }
      }
      this.#looks()
    }
  }

  #isOverdue({ at }: Holder): boolean {
    const { ackDeadlineSeconds } = this.settings
    return ackDeadlineSeconds > 0 && this.#pond.now >= at + ackDeadlineSeconds * 1_000
  }

  /** Everything that was handed out since the last look, in the order of the broker. */
  #looks(): void {
    for (const { client, packets } of this.#connections.values())
      packets.push(...client.receivesMessages())
    const delivered = this.#delivered
    this.#delivered = []
    for (const [clientId, payload] of delivered) {
      const connection = this.#connections.get(clientId)
      const packet = connection?.packets.shift()
      // It was sent to a connection that has ended since.
      if (connection === undefined || packet === undefined) continue
      assert.equal(packet.payload.toString(), payload)
      this.#handedOut(connection, packet)
    }
  }

  #handedOut(connection: Connection, packet: PublishPacket): void {
    const job = this.#jobs[Number(packet.payload)]
    assert(job !== undefined, 'nobody published this')
    const { now } = this.#pond
    const of = `message ${job.number}`
    this.handOuts += 1
    if (job.mayReturn && job.end === 'replaced') job.end = null
    assert.equal(job.end, null, `${of} is handed out after its end`)
    assert(!packet.duplicate, `${of} is sent again`)
    assert(job.expiresAt > now, `${of} has expired`)
    assert(job.notBefore <= now, `${of} was refused and comes too early`)
    assert(!job.past.has(connection), `${of} comes to the same connection again`)
    if (job.holder !== null) {
      assert(this.#isOverdue(job.holder), `${of} is handed out twice`)
      assert(job.holder.connection !== connection, `${of} comes to its holder again`)
      job.past.add(job.holder.connection)
    }
    this.#assertOrder(job)
    job.count += 1
    const count = packet.properties.userProperties?.find(([name]) => name === 'delivery-count')?.[1]
    assert.equal(count, job.count > 1 ? String(job.count) : undefined, `the count of ${of}`)
    assert(job.count <= this.settings.deliveriesMax, `${of} is handed out too often`)
    if (packet.qos === 0) {
      job.end = 'settled'
      job.holder = null
    } else {
      job.holder = { connection, packetId: packet.packetId, at: now }
      connection.held.set(packet.packetId, job)
    }
  }

  /** Whether the older one waits when the newer one comes, or is with a consumer past its deadline. */
  #isReplacedBy({ key, end, holder }: Job, newer: Job): boolean {
    if (!this.settings.latestByKey || key === null || key !== newer.key) return false
    return end === null && (holder === null || this.#isOverdue(holder))
  }

  #hasNewer({ key, number }: Job): boolean {
    if (!this.settings.latestByKey || key === null) return false
    return this.#jobs.some(each => each.key === key && each.number > number && each.end === null)
  }

  /** All older ones of its key are over, and with `latestByKey` no newer one was handed out. */
  #assertOrder({ number, key }: Job): void {
    if (key === null) return
    if (this.settings.latestByKey) {
      const newer = this.#jobs.find(
        each => each.key === key && each.number > number && each.count > 0,
      )
      assert(newer === undefined, `message ${number} comes after the newer ${newer?.number}`)
    }
    const older = this.#jobs.find(
      each => each.key === key && each.end === null && !this.#mayHaveExpired(each),
    )
    assert.equal(
      older === undefined || older.number >= number,
      true,
      `message ${number} overtakes ${older?.number}`,
    )
  }

  #mayHaveExpired(job: Job): boolean {
    return job.holder === null && job.expiresAt <= this.#pond.now
  }

  #deadLetters(): ReadonlyMap<number, string> {
    const reader = this.#pond.client('reader', { acknowledges: true })
    reader.subscribes(`$queue/${QUEUE}.dead`, 1)
    const dead = new Map<number, string>()
    for (const { payload, properties } of reader.receivesMessages()) {
      const marks = new Map(properties.userProperties ?? [])
      assert.equal(marks.get('dead-letter-queue'), QUEUE)
      assert(!dead.has(Number(payload)), `message ${payload.toString()} is a dead letter twice`)
      const text = `${marks.get('dead-letter-reason')} ${marks.get('delivery-count')}`
      const job = this.#jobs[Number(payload)]
      if (job?.end === 'replaced' && job.mayReturn) continue
      dead.set(Number(payload), text)
    }
    return dead
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count)
  }
}
