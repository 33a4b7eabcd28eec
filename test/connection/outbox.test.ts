import { test } from 'tap'
import { ChunkPool, Outbox } from '../../src/connection/outbox.ts'
import { encode } from '../../src/packet/encode.ts'
import { EncodedPublish } from '../../src/packet/encode-publish.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'

function text(pieces: readonly Uint8Array[]): string {
  return Buffer.concat(pieces).toString()
}

test('bytes leave in order, up to the first that must wait', async t => {
  const outbox = new Outbox(new ChunkPool())
  outbox.append(Buffer.from('a'), 0)
  outbox.append(Buffer.from('b'), 5)
  outbox.append(Buffer.from('c'), 0)
  outbox.append(Buffer.from('d'), 7)
  outbox.append(Buffer.from('e'), 6)

  t.equal(text(outbox.take(4)), 'a')
  t.equal(text(outbox.take(5)), 'bc')
  t.equal(text(outbox.take(6)), '')
  t.equal(outbox.bytes, 2)
  t.equal(text(outbox.take(7)), 'de')
  t.ok(outbox.isEmpty)
})

test('a large piece is handed on as it is, between what was copied', async t => {
  const outbox = new Outbox(new ChunkPool())
  const large = Buffer.alloc(20_000, 'x')
  outbox.append(Buffer.from('before'), 0)
  outbox.append(large, 0)
  outbox.append(Buffer.from('after'), 0)

  const pieces = outbox.take(0)

  t.equal(pieces.length, 3)
  t.equal(pieces[1], large)
  t.equal(text(pieces).length, 20_011)
})

test('memory is used again once the system has taken all, and not before', async t => {
  const pool = new ChunkPool()
  const outbox = new Outbox(pool)
  outbox.append(Buffer.from('first'), 0)
  const [first] = outbox.take(0)
  outbox.recycle(true, 0)
  outbox.append(Buffer.from('other'), 0)
  const [second] = outbox.take(0)
  outbox.recycle(false, 0)
  outbox.append(Buffer.from('third'), 0)
  const [third] = outbox.take(0)

  t.equal(first?.buffer, second?.buffer)
  t.not(second?.buffer, third?.buffer)
})

test('the memory of a chunk that was pending is reused when all is taken', async t => {
  const pool = new ChunkPool()
  const outbox = new Outbox(pool)
  const writes = (text: string): Uint8Array | undefined => {
    outbox.append(Buffer.from(text), 0)
    const [piece] = outbox.take(0)
    return piece
  }
  writes('first')
  outbox.recycle(false, 10)
  const pending = writes('second')
  outbox.recycle(false, 10)
  writes('third')
  outbox.recycle(true, 0)
  t.equal(text(pending === undefined ? [] : [pending]), 'second')

  outbox.allTaken()
  for (let count = 0; count < 3; count++) {
    writes('more')
    outbox.recycle(false, 0)
  }
  t.equal(pool.made, 3)
})

test('of the memory for a client that is always behind no more is held than twice what is pending', async t => {
  const pool = new ChunkPool()
  const outbox = new Outbox(pool)
  for (let count = 0; count < 1_000; count++) {
    outbox.append(Buffer.from('more'), 0)
    outbox.take(0)
    outbox.recycle(false, 4)
  }
  outbox.allTaken()
  const made = pool.made
  for (let count = 0; count < 100; count++) {
    outbox.append(Buffer.from('more'), 0)
    outbox.take(0)
    outbox.recycle(false, 0)
  }
  t.ok(pool.made > made + 30, 'the memory of most writes was not given back')
})

test('bytes that wait for a commit stay unchanged while later ones are written and their memory is reused', async t => {
  const outbox = new Outbox(new ChunkPool())
  outbox.append(Buffer.from('now '), 0)
  outbox.append(Buffer.from('held '), 1)
  t.equal(text(outbox.take(0)), 'now ')
  outbox.recycle(true, 0)
  for (let count = 0; count < 500; count++) outbox.append(Buffer.from('later '), 0)
  t.equal(text(outbox.take(0)), '')
  t.equal(text(outbox.take(1)), `held ${'later '.repeat(500)}`)
})

test('acknowledgements count until they have left', async t => {
  const outbox = new Outbox(new ChunkPool())
  outbox.appendAcknowledgement(0x40, 0x1234, 2)
  outbox.countAcknowledgement()
  outbox.appendAcknowledgement(0x40, 0x1235, 3)
  outbox.countAcknowledgement()

  t.equal(outbox.acknowledgements, 2)
  t.equal(Buffer.concat(outbox.take(2)).toString('hex'), '40021234')
  t.equal(outbox.acknowledgements, 1)
  outbox.take(3)
  t.equal(outbox.acknowledgements, 0)
})

test('acknowledgements that need not wait are written with the one behind them that waits, once', async t => {
  const outbox = new Outbox(new ChunkPool())
  for (const [packetId, commitId] of [
    [1, 0],
    [2, 0],
    [3, 6],
    [4, 7],
  ] as const) {
    outbox.appendAcknowledgement(0x40, packetId, commitId)
    outbox.countAcknowledgement()
  }

  t.strictSame(outbox.take(5), [])
  const [whole, ...more] = outbox.take(6)
  t.equal(Buffer.from(whole ?? []).toString('hex'), '400200014002000240020003')
  t.strictSame(more, [])
  t.equal(Buffer.concat(outbox.take(7)).toString('hex'), '40020004')
})

test('a message that need not wait does not wait for the acknowledgement behind it', async t => {
  const outbox = new Outbox(new ChunkPool())
  outbox.append(Buffer.from('message'), 0)
  outbox.appendAcknowledgement(0x40, 1, 3)

  t.equal(text(outbox.take(0)), 'message')
})

test('packets for a thousand outboxes are encoded once, and are one piece up to 4 KiB', async t => {
  const pool = new ChunkPool()
  const outboxes = Array.from({ length: 1_000 }, () => new Outbox(pool))
  const fill = (bytes: number): void => {
    for (const outbox of outboxes) {
      for (let left = bytes; left > 0; left -= 40) outbox.append(Buffer.alloc(40, left), 0)
    }
  }
  const send = (): void => {
    for (const outbox of outboxes) {
      const pieces = outbox.take(0)
      t.equal(pieces.length, 1)
      outbox.recycle(true, 0)
    }
  }

  fill(1_000)
  send()
  t.equal(pool.made, 1_000)
  fill(4_000)
  send()
  t.equal(pool.made, 2_000)
  fill(4_000)
  send()
  t.equal(pool.made, 2_000)
})

test('bytes that are moved into a larger chunk stay what they were', async t => {
  const outbox = new Outbox(new ChunkPool())
  const said = Array.from({ length: 90 }, (_, index) => Buffer.alloc(43, index))

  for (const bytes of said) outbox.append(bytes, 0)

  t.strictSame(Buffer.concat(outbox.take(0)), Buffer.concat(said))
})

test('a message is the same bytes for one receiver and for the second of many, whatever its length', async t => {
  const encoded = new EncodedPublish()
  for (let length = 0; length < 200; length++) {
    const payload = Buffer.from(Array.from({ length }, (_, at) => 255 - at))
    const outbox = new Outbox(new ChunkPool())
    encoded.encode('a/b', payload, 1, false, false, NO_PROPERTIES, 4)
    outbox.append(Buffer.alloc(length, 7), 0)
    outbox.appendPublish(encoded, 0x0102, 0)
    encoded.isShared = true
    outbox.appendPublish(encoded, 0x0102, 0)
    const packet = { type: 'publish', topic: 'a/b', qos: 1, packetId: 0x0102, payload } as const
    const rest = { duplicate: false, retain: false, properties: NO_PROPERTIES }
    const bytes = encode({ ...packet, ...rest }, 4)

    const expected = Buffer.concat([Buffer.alloc(length, 7), bytes, bytes])
    t.ok(Buffer.concat(outbox.take(0)).equals(expected), `${length} bytes`)
  }
})
