// Threat 28: a SUBSCRIBE that is wider than what its client may receive brings only what it may receive. `subscribe` lines refuse it.

import { test } from 'tap'
import { RuledPond } from '../access/ruled-pond.ts'

const USERS = ['alice', 'bob']
const RULES = 'user alice\ntopic readwrite #\nuser bob\ntopic read home/#\ntopic deny home/secret\n'
const WIDE = ['#', '+/#', 'home/#', 'home/+', '+/+']

test('filters that are wider than the rules are granted, and bring only what may be received', async t => {
  const pond = new RuledPond({ rules: RULES, users: USERS })
  const alice = pond.client('a', { username: 'alice' })
  alice.publishes('home/secret', 'old secret', { retain: true })
  alice.publishes('home/old', 'old', { retain: true })
  const bob = pond.client('b', { username: 'bob', acknowledges: true })

  for (const filter of WIDE) bob.subscribes(filter, 1)
  const first = bob.receives()
  alice.publishes('home/secret', 'secret', { qos: 1 })
  alice.publishes('office/x', 'office', { qos: 1 })
  alice.publishes('home/x', 'home', { qos: 1 })

  const codes = first.flatMap(packet => (packet.type === 'suback' ? packet.reasons : []))
  t.strictSame(codes, [1, 1, 1, 1, 1])
  const retained = first.flatMap(packet => (packet.type === 'publish' ? packet.topic : []))
  t.strictSame([...new Set(retained)], ['home/old'])
  const heard = bob.receivesMessages().map(({ topic }) => topic)
  t.strictSame([...new Set(heard)], ['home/x'])
  t.ok(
    pond.broker.statistics.dropped['no-right-to-receive'] >= 3,
    'and what is kept back is counted',
  )
})

test('with subscribe lines, a filter without a common topic is refused, and one within a denial', async t => {
  const pond = new RuledPond({
    rules: `${RULES}subscribe home/#\nsubscribe deny home/+/private/#\n`,
    users: USERS,
  })
  const bob = pond.client('b', { username: 'bob' })
  const codeOf = (filter: string) => {
    bob.subscribes(filter)
    const [packet] = bob.receives()
    return packet?.type === 'suback' ? packet.reasons[0] : null
  }

  t.equal(codeOf('office/#'), 0x87)
  t.equal(codeOf('home/x/private/y'), 0x87)
  t.equal(codeOf('home/x/private/#'), 0x87)
  t.equal(codeOf('$SYS/#'), 0x87)
  t.equal(codeOf('home/x'), 0)
  t.equal(codeOf('#'), 0, 'it has topics in common, and each delivery is checked')
})
