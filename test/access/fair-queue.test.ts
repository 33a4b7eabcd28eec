// A queue in which a long line of one sender holds up only that sender.

import { test } from 'tap'
import { FairQueue } from '../../src/access/fair-queue.ts'

function drained(queue: FairQueue<string>): string {
  let taken = ''
  for (let item = queue.take(); item !== null; item = queue.take()) taken += item
  return taken
}

test('senders are served in turn', async t => {
  const queue = new FairQueue<string>(10)
  for (const item of ['a', 'b', 'c']) queue.add('one', item)
  for (const item of ['x', 'y']) queue.add('other', item)

  t.equal(queue.size, 5)
  t.equal(drained(queue), 'axbyc')
  t.equal(queue.size, 0)
})

test('a full queue drops the last entry of the sender with the most entries for a sender with fewer', async t => {
  const queue = new FairQueue<string>(3)
  for (const item of ['a', 'b', 'c']) t.equal(queue.add('one', item), null)

  t.equal(queue.add('one', 'd'), 'd')
  t.equal(queue.add('other', 'x'), 'c')
  t.equal(queue.add('other', 'y'), 'y', 'it would only change places')
  t.equal(drained(queue), 'axb')
})

test('a queue without room takes no message', async t => {
  t.equal(new FairQueue<string>(0).add('one', 'a'), 'a')
})
