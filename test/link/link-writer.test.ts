// The memory of a link's frames.

import { Duplex } from 'node:stream'
import { test } from 'tap'
import { BODY_BYTES_MAX, WRITE } from '../../src/link/frames.ts'
import { LinkWriter } from '../../src/link/link-writer.ts'

test('memory that the system has taken is used again, although there is always more to take', async t => {
  const memories = new Set<ArrayBufferLike>()
  const pending: (() => void)[] = []
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      memories.add(chunk.buffer)
      pending.push(done)
    },
  })
  const writer = new LinkWriter(stream, {
    schedule: () => {},
    flushing: () => {},
    drained: () => {},
  })
  const body = Buffer.alloc(BODY_BYTES_MAX)
  let least = Infinity
  for (let round = 0; round < 100; round++) {
    writer.frame(WRITE, 1, body)
    writer.flush()
    while (writer.pendingBytes > 3 * BODY_BYTES_MAX) {
      pending.shift()?.()
      await new Promise(resolve => setImmediate(resolve))
    }
    if (round > 3) least = Math.min(least, writer.pendingBytes)
  }

  t.ok(least > BODY_BYTES_MAX)
  t.ok(memories.size < 10, `${memories.size} pieces of memory`)
})
