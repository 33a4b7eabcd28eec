import { strict as assert } from 'node:assert'
import { test } from 'tap'
import { ChunkPool, Outbox } from '../../src/connection/outbox.ts'
import { EncodedPublish } from '../../src/packet/encode-publish.ts'
import { encode } from '../../src/packet/encode.ts'
import { Framer } from '../../src/packet/framer.ts'
import { decode } from '../../src/packet/decode.ts'
import { NO_PROPERTIES, type PublishPacket } from '../../src/packet/packet.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { makeMessage, type Message, withOwnBytes } from '../../src/message.ts'
import { MemoryAccount } from '../../src/session/memory-account.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'

const BYTES = 65_536

function publish(fill: number, special: Partial<PublishPacket> = {}): Buffer {
  const payload = Buffer.alloc(BYTES, fill)
  const base = { type: 'publish', duplicate: false, qos: 0, retain: false, packetId: 0 } as const
  return encode({ ...base, topic: 'a', properties: NO_PROPERTIES, payload, ...special }, 4)
}

/** A publisher's framer and a subscriber's outbox, as they stand in a broker. */
class Way {
  readonly pool = new ChunkPool()
  readonly framer = new Framer(1_000_000, this.pool.packets)
  readonly outbox = new Outbox(this.pool)
  readonly #encoded = new EncodedPublish()

  get made(): number {
    return this.pool.packets.made
  }

  /** Pushes a packet in two chunks, and sends each that is found to the outbox. */
  passes(packet: Buffer, sent: (payload: Buffer) => void = () => {}): void {
    for (const chunk of [packet.subarray(0, 40_000), packet.subarray(40_000)]) {
      this.framer.push(Buffer.from(chunk))
      while (this.framer.next()) {
        const { bytes, start, end } = this.framer
        const { payload } = decode(bytes, start, end, 4) as PublishPacket
        this.#encoded.encode('a', payload, 0, false, false, NO_PROPERTIES, 4)
        this.outbox.appendPublish(this.#encoded, 0, 0)
        sent(payload)
      }
    }
  }

  /** Passes a message of QoS 1 that somebody keeps. */
  keeps(fill: number, account: MemoryAccount): Message {
    const numbers = { now: 0, nextSequence: () => fill }
    let kept: Message | null = null
    this.passes(publish(fill, { qos: 1, packetId: 1 }), payload => {
      const said = { payload, qos: 1, retain: false, properties: NO_PROPERTIES } as const
      kept = makeMessage(said, 'a', null, numbers)
      account.hold(kept)
    })
    assert(kept !== null)
    return kept
  }

  writes(wasTaken: boolean): Buffer {
    const bytes = Buffer.concat(this.outbox.take(0))
    this.outbox.recycle(wasTaken, wasTaken ? 0 : BYTES)
    return bytes
  }
}

test('a hundred large messages of QoS 0, each written before the next, use the memory of one', async t => {
  const way = new Way()

  for (let fill = 0; fill < 100; fill++) {
    way.passes(publish(fill))
    t.equal(way.writes(true).at(-1), fill)
  }

  t.equal(way.made, 1)
})

test('what a socket has not taken stays as it is', async t => {
  const way = new Way()
  way.passes(publish(1))
  const [, pending] = way.outbox.take(0)
  way.outbox.recycle(false, BYTES)

  for (let fill = 2; fill < 50; fill++) {
    way.passes(publish(fill))
    way.writes(true)
  }

  t.equal(pending?.length, BYTES)
  t.ok(pending?.every(byte => byte === 1))
})

test('messages that wait in the outbox have memory of their own each', async t => {
  const way = new Way()
  const fills = Array.from({ length: 20 }, (_, index) => index)

  for (const fill of fills) way.passes(publish(fill))
  const bytes = way.writes(true)

  const size = publish(0).length
  t.strictSame(
    fills.map(fill => bytes[(fill + 1) * size - 1]),
    fills,
  )
  t.equal(way.made, 20)
})

test('what is retained does not lie in memory that is used again', async t => {
  const way = new Way()

  way.passes(publish(1, { retain: true }))
  way.passes(publish(1, { retain: true, qos: 1, packetId: 1 }))

  t.equal(way.made, 0)
})

test('a hundred large messages of QoS 1, each settled before the next, use the memory of one', async t => {
  const way = new Way()
  const account = new MemoryAccount(DEFAULT_LIMITS)

  for (let fill = 0; fill < 100; fill++) {
    const kept = way.keeps(fill, account)
    t.equal(way.writes(true).at(-1), fill)
    account.release(kept)
    way.pool.packets.turnEnded()
  }

  t.equal(way.made, 1)
})

test('a large message of QoS 1 stays as it is while one of two keepers has it, or it goes to another in a turn', async t => {
  const way = new Way()
  const account = new MemoryAccount(DEFAULT_LIMITS)
  const kept = way.keeps(1, account)
  account.hold(kept)
  way.writes(true)

  account.release(kept)
  way.pool.packets.turnEnded()
  way.keeps(2, account)
  account.release(kept)
  account.hold(kept)
  way.pool.packets.turnEnded()
  way.keeps(3, account)

  t.ok(kept.payload.every(byte => byte === 1))
  t.equal(way.made, 3)
})

test('a message that is kept outside of the memory account has bytes of its own', async t => {
  const way = new Way()
  const account = new MemoryAccount(DEFAULT_LIMITS)
  const kept = way.keeps(1, account)
  way.writes(true)

  const { payload } = withOwnBytes(kept)
  account.release(kept)
  way.pool.packets.turnEnded()
  for (let fill = 2; fill < 9; fill++) way.keeps(fill, account)

  t.ok(payload.every(byte => byte === 1))
})

test('a stream that answers while its packet is handled does not overwrite it', async t => {
  const way = new Way()

  way.passes(publish(1), payload => {
    // One receiver has taken it, and others follow.
    way.writes(true)
    way.framer.push(publish(2).subarray(0, 50_000))
    way.framer.next()
    t.ok(payload.every(byte => byte === 1))
  })
})

test('large messages of QoS 0 arrive whole at subscribers that read, read late, or wait in a queue', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const [reads, late] = [pond.client('reads'), pond.client('late')]
  for (const client of [reads, late]) client.subscribes('large', 0)
  reads.receives()
  late.receives()
  late.wire.freezes()
  const expected = Array.from({ length: 8 }, (_, fill) => fill)

  const heard = expected.flatMap(fill => {
    alice.publishes('large', String(fill).repeat(BYTES))
    return bodiesOf(reads)
  })
  late.wire.thaws()

  const bodies = expected.map(fill => String(fill).repeat(BYTES))
  t.strictSame(heard, bodies)
  t.strictSame(bodiesOf(late), bodies)
})

test('large messages of QoS 1 and 2 arrive whole at every kind of subscriber, whatever comes behind them', async t => {
  const pond = new Pond()
  const alice = pond.client('alice', { acknowledges: true })
  const away = pond.client('away', { version: 4, cleanStart: false })
  const silent = pond.client('silent', { version: 4, cleanStart: false })
  const reads = pond.client('reads', { acknowledges: true })
  const late = pond.client('late', { acknowledges: true })
  const one = pond.client('one', { acknowledges: true })
  const two = pond.client('two')
  const clients = [away, silent, reads, late]
  for (const client of clients) client.subscribes('large', 2)
  for (const member of [one, two]) member.subscribes('$share/group/large', 1)
  for (const client of [...clients, one, two]) client.receives()
  away.disconnects()
  late.freezes()
  const letters = 'abcdefghijklmnop'.split('')

  const heard = letters.flatMap((letter, n) => {
    alice.publishes('large', letter.repeat(BYTES), { qos: n % 2 === 0 ? 1 : 2 })
    alice.receives()
    return lettersOf(reads)
  })
  const shared = lettersOf(one)
  two.disconnects()
  silent.vanishes()
  late.thaws()

  t.strictSame(heard, letters)
  t.strictSame(lettersOf(late), letters)
  t.strictSame([...shared, ...lettersOf(one)].toSorted(), letters)
  for (const clientId of ['away', 'silent']) {
    const back = pond.stranger(clientId, { version: 4, cleanStart: false, acknowledges: true })
    back.connects()
    t.strictSame(lettersOf(back), letters, clientId)
  }
})

/** What each message that came has in each of its bytes. */
function lettersOf(client: PondClient): string[] {
  return bodiesOf(client).map(body => [...new Set(body)].join(''))
}

function bodiesOf(client: PondClient): string[] {
  return client
    .receives()
    .flatMap(packet => (packet.type === 'publish' ? [packet.payload.toString()] : []))
}
