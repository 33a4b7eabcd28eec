import { test } from 'tap'
import { framesOf } from '../../src/transport/mqtt-frames.ts'

function packet(bytes: number): Buffer {
  const length = bytes - 5
  const head = [
    0x30,
    (length & 0x7f) | 0x80,
    ((length >> 7) & 0x7f) | 0x80,
    ((length >> 14) & 0x7f) | 0x80,
    length >> 21,
  ]
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length, bytes & 0xff)])
}

/** What a WebSocket client reads: the payload of each frame, each whole and binary. */
function read(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== 0x82) throw new Error(`a frame begins with ${bytes[at]}`)
    const code = bytes[at + 1] ?? 0
    const [head, length] =
      code < 126
        ? [2, code]
        : code === 126
          ? [4, bytes.readUInt16BE(at + 2)]
          : [10, Number(bytes.readBigUInt64BE(at + 2))]
    frames.push(bytes.subarray(at + head, at + head + length))
    at += head + length
  }
  return frames
}

const SIZES = [5, 100, 130, 131, 1_000, 16_383, 16_384, 40_000, 65_535, 65_536, 70_000, 2_100_000]

test('each packet is a frame of its own, whatever pieces it lies in', async t => {
  const packets = [Buffer.from('d000', 'hex'), ...SIZES.map(packet), Buffer.from('40020001', 'hex')]
  const all = Buffer.concat(packets)
  // Pieces as an outbox makes them: a header lies whole in its piece, a payload may be one of its own.
  const cuts = packets.flatMap(each =>
    each.length < 10 ? [each] : [each.subarray(0, 7), each.subarray(7)],
  )

  for (const pieces of [[all], packets, cuts]) {
    const frames = read(Buffer.concat(framesOf(pieces)))
    t.equal(frames.length, packets.length)
    for (const [index, frame] of frames.entries()) t.ok(frame.equals(packets[index] ?? all))
  }
})

test('a broken packet is carried in frames as well', async t => {
  for (const bytes of ['', '30', '30ff', '3005aabb', '00000000', 'ffffffffff']) {
    const raw = Buffer.from(bytes, 'hex')
    t.ok(Buffer.concat(read(Buffer.concat(framesOf([raw])))).equals(raw), bytes)
  }
})
