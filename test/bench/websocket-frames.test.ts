import { test } from 'tap'
import { FrameReader, frameHeader } from '../../bench/generator/websocket-frames.ts'

function payloadOf(bytes: Buffer, pieceBytes: number): string {
  const pieces: Buffer[] = []
  const reader = new FrameReader((memory, start, end) => {
    pieces.push(Buffer.from(memory.subarray(start, end)))
  })
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    reader.push(bytes, at, Math.min(at + pieceBytes, bytes.length))
  }
  return Buffer.concat(pieces).toString('hex')
}

const LONG = Buffer.alloc(70_000, 0xab)
const FRAMES = Buffer.concat([
  Buffer.from('8203010203', 'hex'),
  Buffer.from('8200', 'hex'),
  Buffer.from('827e0080', 'hex'),
  LONG.subarray(0, 128),
  Buffer.from('827f0000000000011170', 'hex'),
  LONG,
])

for (const pieceBytes of [1, 3, 100, 100_000]) {
  test(`payloads are found when their bytes come ${pieceBytes} at a time`, async t => {
    t.equal(payloadOf(FRAMES, pieceBytes), `010203${'ab'.repeat(70_128)}`)
  })
}

test('a frame that is neither data nor its continuation is not expected', async t => {
  t.throws(() => payloadOf(Buffer.from('8800', 'hex'), 2), /opcode 8/)
})

test('headers of a client are masked with zero', async t => {
  t.equal(frameHeader(125).toString('hex'), '82fd00000000')
  t.equal(frameHeader(126).toString('hex'), '82fe007e00000000')
  t.equal(frameHeader(65_536).toString('hex'), '82ff000000000001000000000000')
})
