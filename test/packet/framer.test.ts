import fc from 'fast-check'
import { test } from 'tap'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { Framer } from '../../src/packet/framer.ts'
import { MalformedPacket } from '../../src/packet/malformed.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { Random, generatedPacket } from './generated-packets.ts'

/** Feeds the bytes in chunks that are overwritten as soon as the framer is done with them. */
function packetsFrom(bytes: Buffer, cuts: readonly number[]): string[] {
  const framer = new Framer(1_000_000)
  const found: string[] = []
  const bounds = [...cuts.map(cut => cut % bytes.length).sort((a, b) => a - b), bytes.length]
  let from = 0
  for (const to of bounds) {
    const chunk = Buffer.from(bytes.subarray(from, to))
    framer.push(chunk)
    while (framer.next()) {
      const packet: Packet = decode(framer.bytes, framer.start, framer.end, 5)
      found.push(JSON.stringify(packet))
    }
    chunk.fill(0xee)
    from = to
  }
  return found
}

test('any split of a stream gives the same packets', async t => {
  const sameInAnySplit = fc.check(
    fc.property(fc.integer(), fc.array(fc.nat(), { maxLength: 40 }), (seed, cuts) => {
      const random = new Random(seed)
      const packets = Array.from({ length: 8 }, () => generatedPacket(random, 5))
      const bytes = Buffer.concat(packets.map(packet => encode(packet, 5)))
      return packetsFrom(bytes, cuts).join() === packetsFrom(bytes, []).join()
    }),
    { numRuns: 1_000 },
  )
  t.notOk(sameInAnySplit.failed, JSON.stringify(sameInAnySplit.counterexample))
})

test('a stream of single bytes gives its packets', async t => {
  const random = new Random(5)
  const bytes = Buffer.concat(
    Array.from({ length: 20 }, () => encode(generatedPacket(random, 5), 5)),
  )
  const everywhere = Array.from({ length: bytes.length }, (_, index) => index)

  t.equal(packetsFrom(bytes, everywhere).length, 20)
})

test('a packet that lies whole in its chunk is not copied', async t => {
  const chunk = Buffer.from('c000c000', 'hex')
  const framer = new Framer(100)

  framer.push(chunk)

  t.ok(framer.next())
  t.equal(framer.bytes, chunk)
  t.strictSame([framer.start, framer.end], [0, 2])
  t.ok(framer.next())
  t.strictSame([framer.start, framer.end], [2, 4])
  t.notOk(framer.next())
})

test('packets that a turn had no time for are copied from the chunk', async t => {
  const framer = new Framer(100)
  const chunk = Buffer.from('c000 d000 e000'.replaceAll(' ', ''), 'hex')
  framer.push(chunk)
  framer.next()

  framer.keep()
  chunk.fill(0)

  t.ok(framer.hasUnread)
  t.ok(framer.next())
  t.equal(framer.bytes[framer.start], 0xd0)
  framer.push(Buffer.from('c000', 'hex'))
  t.ok(framer.next())
  t.equal(framer.bytes[framer.start], 0xe0)
  t.ok(framer.next())
  t.equal(framer.bytes[framer.start], 0xc0)
  t.notOk(framer.next())
  t.notOk(framer.hasUnread)
})

test('a kept packet may be larger than the packet before it', async t => {
  const framer = new Framer(10_000)
  const small = Buffer.from('c000', 'hex')
  const large = Buffer.concat([Buffer.from('30e807', 'hex'), Buffer.alloc(1_000)])
  framer.push(Buffer.concat([small, large, large, small.subarray(0, 1)]))
  framer.next()

  framer.keep()
  framer.push(Buffer.concat([small.subarray(1), large]))

  t.equal(framer.unreadBytes, 3 * 1_003 + 2)
  const sizes: number[] = []
  while (framer.next()) sizes.push(framer.end - framer.start)
  t.strictSame(sizes, [1_003, 1_003, 2, 1_003])
  t.equal(framer.unreadBytes, 0)
})

test('of a packet that lies in two chunks only its own bytes are copied', async t => {
  const framer = new Framer(1_000)
  const [first, second] = [Buffer.from('c000c0', 'hex'), Buffer.from('00d000', 'hex')]
  framer.push(first)
  while (framer.next());
  framer.push(second)

  t.ok(framer.next())
  t.not(framer.bytes, second)
  t.ok(framer.next())
  t.equal(framer.bytes, second)
  t.strictSame([framer.start, framer.end], [1, 3])
})

test('a chunk that comes before the last one was read to its end is read behind it', async t => {
  const large = Buffer.concat([Buffer.from('30a09c01', 'hex'), Buffer.alloc(20_000)])
  const small = Buffer.from('c000', 'hex')
  for (const first of [
    Buffer.concat([large, small]),
    Buffer.concat([small, small, large.subarray(0, 9_000)]),
  ]) {
    const second =
      first.length > 20_000 ? small : Buffer.concat([large.subarray(9_000), small, small])
    const framer = new Framer(100_000)
    framer.push(Buffer.from(first))
    const sizes: number[] = []
    const read = (): boolean => {
      const isWhole = framer.next()
      if (isWhole) sizes.push(framer.end - framer.start)
      return isWhole
    }
    read()
    framer.push(Buffer.from(second))
    while (read());

    t.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      first.length + second.length,
    )
  }
})

test('nothing is allocated for a length that is only declared', async t => {
  const framer = new Framer(268_435_460)

  framer.push(Buffer.from('30ffffff7f', 'hex'))

  t.notOk(framer.next())
  t.ok(framer.bytes.length <= 1_024, `${framer.bytes.length} bytes are held`)
})

test('memory for a large packet grows with what has arrived', async t => {
  const framer = new Framer(268_435_460)
  framer.push(Buffer.from('30ffffff7f', 'hex'))
  framer.next()
  let arrived = 5
  for (let count = 0; count < 100; count++) {
    framer.push(Buffer.alloc(10_000))
    framer.next()
    arrived += 10_000
    t.ok(framer.bytes.length <= 2 * arrived + 10_000)
  }
})

test('a packet over the limit is refused as soon as its length is known', async t => {
  const framer = new Framer(100)
  framer.push(Buffer.from('3063', 'hex'))

  t.throws(() => framer.next(), {
    reason: 0x95,
    message: 'a packet of 101 bytes, more than limits.packetBytesMax (100)',
  })
})

test('a length of more than four bytes is malformed', async t => {
  for (const bytes of ['30ffffffff', '30ffffffff01', '3080808080']) {
    const framer = new Framer(268_435_460)
    framer.push(Buffer.from(bytes, 'hex'))
    t.throws(() => framer.next(), MalformedPacket, bytes)
  }
})

test('packet type 0 is malformed at its first byte', async t => {
  const framer = new Framer(100)
  framer.push(Buffer.from('00', 'hex'))

  t.throws(() => framer.next(), MalformedPacket)
})

test('packets are taken out from behind one that waits, however they arrive, and the others stay in order', async t => {
  // PUBLISH, PINGREQ, PUBLISH, PUBACK, and a PINGREQ that is not whole.
  const all = Buffer.from('3003000161 c000 3003000162 40020001 c0'.replaceAll(' ', ''), 'hex')
  for (let split = 5; split <= all.length; split++) {
    const framer = new Framer(100)
    framer.push(all.subarray(0, split))
    framer.next()
    framer.putBack()
    const taken: Buffer[] = []
    let searched = 0
    const take = () => {
      const found = framer.takeBehind(first => first >> 4 !== 3, searched)
      taken.push(...found.taken)
      searched = found.searched
    }
    take()
    framer.push(all.subarray(split))
    take()
    framer.push(Buffer.from('00', 'hex'))
    take()

    t.strictSame(
      taken.map(bytes => bytes.toString('hex')),
      ['c000', '40020001', 'c000'],
      `split at ${split}`,
    )
    const rest: string[] = []
    while (framer.next()) rest.push(framer.bytes.toString('hex', framer.start, framer.end))
    t.strictSame(rest, ['3003000161', '3003000162'])
  }
})
