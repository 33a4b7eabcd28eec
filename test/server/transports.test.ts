// The whole broker over each transport as it really is: whoever waits for room is woken, whatever the room is.

import { connect } from 'node:net'
import { type Test, test } from 'tap'
import { createBroker, type EmbeddedBroker } from '../../src/index.ts'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { Framer } from '../../src/packet/framer.ts'
import { NO_PROPERTIES, type Packet, type QoS } from '../../src/packet/packet.ts'
import { SUCCESS } from '../../src/packet/reason.ts'
import { farEnd, type Layers } from '../transport/far-ends.ts'
import type { Far } from '../transport/wire-contract.ts'
import { serverCertificate } from '../transport/world.ts'

interface Transport extends Layers {
  readonly name: string
  readonly frontEnds?: number
}

const TRANSPORTS: readonly Transport[] = [
  { name: 'TCP', isSecured: false, isWebSocket: false },
  { name: 'TLS', isSecured: true, isWebSocket: false },
  { name: 'WebSocket', isSecured: false, isWebSocket: true },
  { name: 'secure WebSocket', isSecured: true, isWebSocket: true },
  { name: 'TCP by front ends', isSecured: false, isWebSocket: false, frontEnds: 2 },
  { name: 'secure WebSocket by a front end', isSecured: true, isWebSocket: true, frontEnds: 1 },
]

const moment = (): Promise<void> => new Promise(over => setTimeout(over, 1))

/** A client of MQTT 5 that acknowledges at once what it reads. */
class Reader {
  messages = 0
  readonly #far: Far
  readonly #framer = new Framer(268_435_460)
  #read = 0

  constructor(far: Far, clientId: string) {
    this.#far = far
    this.#says({
      type: 'connect',
      version: 5,
      cleanStart: false,
      keepAliveSeconds: 0,
      clientId,
      username: null,
      password: null,
      will: null,
      properties: { sessionExpiryInterval: 60 },
    })
  }

  subscribes(filter: string, qos: QoS): void {
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    const subscriptions = [{ filter, qos, ...options }]
    this.#says({ type: 'subscribe', packetId: 1, subscriptions, properties: NO_PROPERTIES })
  }

  /** Reads and answers what has come. */
  reads(): void {
    const { bytes } = this.#far
    if (bytes.length === this.#read) return
    this.#framer.push(Buffer.from(bytes.subarray(this.#read)))
    this.#read = bytes.length
    while (this.#framer.next()) {
      this.#hears(decode(this.#framer.bytes, this.#framer.start, this.#framer.end, 5))
    }
  }

  stopsReading(): void {
    this.#far.stopsReading()
  }

  goesOn(): void {
    this.#far.goesOn()
  }

  vanishes(): void {
    this.#far.breaks()
  }

  #hears(packet: Packet): void {
    if (packet.type === 'pubrel') this.#answers('pubcomp', packet.packetId)
    if (packet.type !== 'publish') return
    this.messages += 1
    if (packet.qos > 0) this.#answers(packet.qos === 1 ? 'puback' : 'pubrec', packet.packetId)
  }

  #answers(type: 'puback' | 'pubrec' | 'pubcomp', packetId: number): void {
    this.#says({ type, packetId, reason: SUCCESS, properties: NO_PROPERTIES })
  }

  #says(packet: Packet): void {
    this.#far.says(encode(packet, 5))
  }
}

class House {
  readonly broker: EmbeddedBroker
  readonly #t: Test
  readonly #layers: Layers
  readonly #readers: Reader[] = []

  private constructor(t: Test, broker: EmbeddedBroker, layers: Layers) {
    this.#t = t
    this.broker = broker
    this.#layers = layers
  }

  static async opens(t: Test, layers: Transport, outboxBytesMax: number): Promise<House> {
    const broker = await createBroker({
      listeners: [
        {
          port: 0,
          protocol: layers.isWebSocket ? 'ws' : 'mqtt',
          ...(layers.isSecured ? { tls: serverCertificate() } : {}),
        },
      ],
      frontEnds: layers.frontEnds ?? 0,
      limits: { outboxBytesMax },
      shutdown: { drainSeconds: 0 },
    })
    t.teardown(() => broker.close())
    return new House(t, broker, layers)
  }

  async comes(clientId: string): Promise<Reader> {
    const raw = connect(this.broker.listeners[0]?.port ?? 0, '127.0.0.1')
    await new Promise(connected => raw.once('connect', connected))
    const reader = new Reader(await farEnd(this.#t, raw, this.#layers), clientId)
    this.#readers.push(reader)
    return reader
  }

  async readsOnce(): Promise<void> {
    for (const reader of this.#readers) reader.reads()
    await moment()
  }

  /** All readers read until it is so, or nothing has come for so long that nothing will. */
  async readsUntil(isSo: () => boolean): Promise<void> {
    for (let silence = 0; !isSo() && silence < 3_000; silence++) {
      const before = this.#heard
      await this.readsOnce()
      if (this.#heard > before) silence = 0
    }
  }

  get #heard(): number {
    return this.#readers.reduce((sum, { messages }) => sum + messages, 0)
  }
}

/** The third of every three is larger than the smallest outbox. */
function payloadOf(index: number): Buffer {
  return Buffer.alloc(index % 3 === 2 ? 2_000 : 20, 'x')
}

for (const layers of TRANSPORTS) {
  for (const outboxBytesMax of [1_024, 1_048_576]) {
    const where = `over ${layers.name}, with an outbox of ${outboxBytesMax}`

    for (const qos of [0, 1, 2] as const) {
      test(`a share group brings all at QoS ${qos} ${where}, though members stop reading`, async t => {
        const house = await House.opens(t, layers, outboxBytesMax)
        const members: Reader[] = []
        for (let index = 0; index < 4; index++) {
          const member = await house.comes(`member-${index}`)
          member.subscribes('$share/g/jobs', qos)
          members.push(member)
        }
        await house.readsUntil(() => house.broker.statistics.packetsReceived >= 8)

        for (let job = 0; job < 600; job++) {
          house.broker.publish({ topic: 'jobs', payload: payloadOf(job), qos })
          if (job === 200) for (const member of members.slice(1)) member.stopsReading()
          if (job === 400) for (const member of members) member.goesOn()
          if (job % 50 === 0) await house.readsOnce()
        }
        const total = (): number => members.reduce((sum, { messages }) => sum + messages, 0)
        await house.readsUntil(() => total() >= 600)

        t.equal(total(), 600)
      })
    }

    for (const qos of [0, 1] as const) {
      test(`five thousand retained messages come at QoS ${qos} ${where}`, async t => {
        const house = await House.opens(t, layers, outboxBytesMax)
        for (let index = 0; index < 5_000; index++) {
          const topic = `d/${index}/temperature`
          house.broker.publish({ topic, payload: payloadOf(index), qos, retain: true })
        }
        house.broker.publish({ topic: 'd/last/alarm', payload: 'FIRE', qos, retain: true })
        const [all, one] = [await house.comes('all'), await house.comes('one')]
        all.subscribes('d/#', qos)
        one.subscribes('d/+/alarm', qos)

        await house.readsUntil(() => all.messages >= 5_001 && one.messages >= 1)

        t.equal(all.messages, 5_001)
        t.equal(one.messages, 1)
      })
    }

    test(`a queue is emptied after a reconnect ${where}`, async t => {
      const house = await House.opens(t, layers, outboxBytesMax)
      const before = await house.comes('bob')
      before.subscribes('q', 1)
      await house.readsUntil(() => house.broker.statistics.packetsReceived >= 2)
      before.vanishes()
      await house.readsUntil(() => house.broker.connectionCount === 0)
      for (let index = 0; index < 1_000; index++) {
        house.broker.publish({ topic: 'q', payload: payloadOf(index), qos: 1 })
      }

      const back = await house.comes('bob')
      await house.readsUntil(() => back.messages >= 1_000)

      t.equal(back.messages, 1_000)
    })
  }
}
