// Bytes of a link, cut anywhere → frames; and what is refused.

import { test } from 'tap'
import { FrameReader } from '../../src/link/frame-reader.ts'
import { BYTES, CLOSED, HEADER_BYTES, HEARD, TO_CORE, writeHeader } from '../../src/link/frames.ts'

interface Frame {
  readonly kind: number
  readonly connection: number
  readonly body: string
}

function bytesOf({ kind, connection, body }: Frame): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  writeHeader(header, 0, { kind, connection, length: Buffer.byteLength(body) })
  return Buffer.concat([header, Buffer.from(body)])
}

const FRAMES: readonly Frame[] = [
  { kind: HEARD, connection: 1, body: '' },
  { kind: BYTES, connection: 281_474_976_710_655, body: 'of a client' },
  { kind: CLOSED, connection: 4_294_967_296, body: 'it went' },
]

/** Bytes of a client may come in parts; they are joined here. */
function read(chunks: readonly Buffer[]): readonly Frame[] {
  const frames: Frame[] = []
  const reader = new FrameReader(TO_CORE, (kind, connection, body) => {
    const last = frames.at(-1)
    const text = body.toString()
    if (kind === BYTES && last?.kind === BYTES && last.connection === connection)
      frames.splice(-1, 1, { ...last, body: last.body + text })
    else frames.push({ kind, connection, body: text })
    return false
  })
  for (const chunk of chunks) reader.push(chunk)
  return frames
}

test('frames are the same wherever the bytes are cut', async t => {
  const all = Buffer.concat(FRAMES.map(bytesOf))

  for (let cut = 0; cut <= all.length; cut++) {
    t.strictSame(read([all.subarray(0, cut), all.subarray(cut)]), FRAMES)
  }
  t.strictSame(read(Array.from(all, byte => Buffer.from([byte]))), FRAMES)
})

const WORDS = { message: /^a frame of (the unknown )?kind/ }

test('an unknown kind, and a body that is too large, are refused before any of it is kept', async t => {
  const header = (kind: number, length: number): Buffer => {
    const bytes = Buffer.alloc(HEADER_BYTES)
    writeHeader(bytes, 0, { kind, connection: 1, length })
    return bytes
  }

  t.throws(() => read([header(99, 0)]), WORDS)
  t.throws(() => read([header(0, 0)]), WORDS)
  t.throws(() => read([header(HEARD, 1)]), WORDS)
  t.throws(() => read([header(BYTES, 0xffffffff)]), WORDS)
  t.throws(() => read([header(CLOSED, 65_537)]), WORDS)
})
