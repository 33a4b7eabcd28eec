// That lent bytes cannot be kept is held by the compiler: each line that must not compile says so.

import { test } from 'tap'
import { makeMessage } from '../../src/message.ts'
import { copyOfLent, type LentBytes } from '../../src/packet/lent-bytes.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'

const numbers = { now: 0, nextSequence: () => 1 }
const publish = { qos: 0, retain: false, properties: NO_PROPERTIES } as const

test('a message, a queue and a map take a copy of lent bytes, and not the bytes', async t => {
  const memory = Buffer.from('first')
  const lent: LentBytes = memory
  const queue: Buffer[] = []
  const map = new Map<string, Uint8Array>()

  // @ts-expect-error -- lent bytes are no Buffer
  const careless = makeMessage({ ...publish, payload: lent }, 'a', null, numbers)
  // @ts-expect-error -- lent bytes are no Buffer
  queue.push(lent)
  // @ts-expect-error -- lent bytes are no Uint8Array
  map.set('a', lent)
  // @ts-expect-error -- lent bytes have no views
  lent.subarray?.(0)
  const careful = makeMessage({ ...publish, payload: copyOfLent(lent) }, 'a', null, numbers)
  memory.write('later')

  t.equal(careless.payload.toString(), 'later', 'what does not compile would have been wrong')
  t.equal(careful.payload.toString(), 'first')
})
