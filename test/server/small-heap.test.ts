// The smallest part of `npm run memory`: a real broker with a heap of 64 MB, filled by one client as far as it is let.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'
import { memoryHere, withMemoryBounds } from '../../src/server/memory-bounds.ts'
import { freePort } from '../interop/programs.ts'
import { POND_LIMITS } from '../pond.ts'

const SCRIPT = fileURLToPath(new URL('../../bench/memory.js', import.meta.url))

test('one client with long topics does not end a broker with a small heap, which starts again with the same', async t => {
  const ports = ['--port', `${await freePort()}`, '--web-port', `${await freePort()}`]
  const options = ['--heap', '64', '--store', 'os', '--only', 'retained-long-topics']

  // What the test runner puts into each Node that it sees started needs heap of its own.
  const words = ['-u', 'NODE_OPTIONS', process.execPath, SCRIPT, ...options, ...ports]
  const { stdout } = await promisify(execFile)('env', words)

  t.match(stdout, /"made":[1-9].*"refusals":[1-9].* ok\n$/)
})

const MEBIBYTE = 1_048_576
const BY_ITSELF = { ...POND_LIMITS, keptHeapBytesMax: 0, keptBufferBytesMax: 0 }

test('the bounds of memory follow from the heap of Node and the memory of the system', async t => {
  const memory = { heapBytesMax: 176 * MEBIBYTE, systemBytes: 1_024 * MEBIBYTE }

  const limits = withMemoryBounds(BY_ITSELF, memory)

  t.equal(limits.keptHeapBytesMax, 50 * MEBIBYTE)
  t.equal(limits.keptBufferBytesMax, 462 * MEBIBYTE)
  t.ok(memoryHere().systemBytes > 0)
  t.ok(withMemoryBounds(BY_ITSELF).keptBufferBytesMax > 0)
})

test('with little memory the bounds have a minimum, and configured bounds stay', async t => {
  const memory = { heapBytesMax: 48 * MEBIBYTE, systemBytes: 64 * MEBIBYTE }

  t.match(withMemoryBounds(BY_ITSELF, memory), {
    keptHeapBytesMax: 8 * MEBIBYTE,
    keptBufferBytesMax: 32 * MEBIBYTE,
  })
  t.match(withMemoryBounds(POND_LIMITS, memory), {
    keptHeapBytesMax: POND_LIMITS.keptHeapBytesMax,
    keptBufferBytesMax: POND_LIMITS.keptBufferBytesMax,
  })
})
