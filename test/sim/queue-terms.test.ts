// What the oracle of named queues takes for certain about the order of two publications.

import { test } from 'tap'
import type { Publication } from '../../sim/history.ts'
import { cameBefore } from '../../sim/queue-terms.ts'

function publication(order: number, settings: Partial<Publication> = {}): Publication {
  return {
    ...{ id: `c1-${order}`, publisher: 'c1', kind: 'publish', topic: 't/a', qos: 2, retain: false },
    ...{ delaySeconds: null, payload: Buffer.from('x'), properties: {}, order, sentAt: order },
    ...{ sentAtMs: order, wire: null, attempts: 1, acceptedAt: null, acceptedAtMs: null },
    ...{ isRefused: false, mayBeLate: false, fate: 'may', ...settings },
  }
}

test('messages of one client come in the order in which it sent them, also when it sends them again', async t => {
  const again = publication(1, { attempts: 2, acceptedAt: 9 })
  t.ok(cameBefore(again, publication(2)))
  t.notOk(cameBefore(publication(2), again))
})

test('what is sent again may come after the will of an earlier connection, unless it was acknowledged before', async t => {
  const will = publication(3, { kind: 'will', wire: null })
  t.notOk(cameBefore(publication(1, { attempts: 2, acceptedAt: 9 }), will))
  t.ok(cameBefore(publication(1, { attempts: 2, acceptedAt: 2 }), will))
  t.ok(cameBefore(publication(1), will))
})

test('of messages of two clients one came before only if it was acknowledged before the other was sent', async t => {
  const other = publication(5, { publisher: 'c2' })
  t.ok(cameBefore(publication(1, { acceptedAt: 4 }), other))
  t.notOk(cameBefore(publication(1, { acceptedAt: 6 }), other))
  t.notOk(cameBefore(publication(1), other))
})

test('nothing is certain of what the broker publishes later by itself', async t => {
  t.notOk(cameBefore(publication(1, { kind: 'will' }), publication(2)))
  t.notOk(cameBefore(publication(1, { delaySeconds: 1 }), publication(2)))
})
