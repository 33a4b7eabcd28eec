// Retained messages: section 3.3.1.3 of both specifications.

import { Pond } from '../pond.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const

function retainedIn(pond: Pond, filter = '#'): readonly string[] {
  const late = pond.client(`late-${pond.random()}`)
  late.subscribes(filter, 2)
  return late
    .hears()
    .slice(1)
    .map(each => each.replace(/ #\d+/, ''))
}

conforms(
  { v5: ['MQTT-3.3.1-5'], v311: ['MQTT-3.3.1-5', 'MQTT-3.3.1-6', 'MQTT-3.3.1-7', 'MQTT-3.3.1-8'] },
  'a retained message takes the place of the one before, at its own QoS, and reaches each new subscriber with RETAIN set',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice', { version })
      alice.publishes('a', 'old', { qos: 2, retain: true })
      alice.publishes('a', 'new', { qos: 1, retain: true })
      alice.publishes('b', 'other', { qos: 0, retain: true })
      t.strictSame(retainedIn(pond, 'a'), ['publish a new q1 retain'])
      t.strictSame([...retainedIn(pond)].sort(), [
        'publish a new q1 retain',
        'publish b other q0 retain',
      ])
      alice.publishes('a', 'newest', { qos: 0, retain: true })
      t.strictSame(retainedIn(pond, 'a'), ['publish a newest q0 retain'])
    }
  },
)

conforms(
  { v5: ['MQTT-3.3.1-6', 'MQTT-3.3.1-7'], v311: ['MQTT-3.3.1-10', 'MQTT-3.3.1-11'] },
  'a retained message without payload is delivered, removes the one before, and is not retained',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice', { version })
      const bob = pond.client('bob', { version })
      alice.publishes('a', 'x', { retain: true })
      bob.subscribes('a')
      bob.hears()

      alice.publishes('a', '', { retain: true })

      t.strictSame(bob.hears(), ['publish a  q0'])
      t.strictSame(retainedIn(pond), [])
      t.equal(pond.broker.retained.count, 0)
    }
  },
)

conforms(
  { v5: ['MQTT-3.3.1-8'], v311: ['MQTT-3.3.1-12'] },
  'a message without RETAIN neither is retained nor replaces or removes one that is',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const alice = pond.client('alice', { version })
      alice.publishes('b', 'not kept')
      alice.publishes('a', 'kept', { retain: true })
      alice.publishes('a', 'passing')
      alice.publishes('a', '')
      t.strictSame(retainedIn(pond), ['publish a kept q0 retain'])
    }
  },
)

conforms(
  { v5: ['MQTT-3.3.1-9', 'MQTT-3.3.1-10', 'MQTT-3.3.1-11', 'MQTT-3.8.4-4'] },
  'retain handling 0 sends retained messages at every subscription, 1 at a new one only, 2 never',
  t => {
    const pond = new Pond()
    pond.client('alice').publishes('a', 'x', { retain: true })
    for (const [retainHandling, first, second] of [
      [0, 1, 1],
      [1, 1, 0],
      [2, 0, 0],
    ] as const) {
      const bob = pond.client('bob')
      bob.subscribes('a', 0, { retainHandling })
      t.equal(bob.receivesMessages().length, first)
      bob.subscribes('a', 0, { retainHandling })
      t.equal(bob.receivesMessages().length, second)
    }
  },
)

conforms(
  { v5: ['MQTT-3.3.1-12', 'MQTT-3.3.1-13'], v311: ['MQTT-3.3.1-9'] },
  'RETAIN is cleared on what is forwarded, or kept as published where the subscription asks for it',
  t => {
    const pond = new Pond()
    const [plain, asPublished, old] = [
      pond.client('plain'),
      pond.client('as-published'),
      pond.client('old', { version: 4 }),
    ]
    plain.subscribes('a')
    asPublished.subscribes('a', 0, { retainAsPublished: true })
    old.subscribes('a')
    for (const client of [plain, asPublished, old]) client.hears()
    const alice = pond.client('alice')
    alice.publishes('a', '1', { retain: true })
    alice.publishes('a', '2', { retain: false })

    t.strictSame(plain.hears(), ['publish a 1 q0', 'publish a 2 q0'])
    t.strictSame(old.hears(), ['publish a 1 q0', 'publish a 2 q0'])
    t.strictSame(asPublished.hears(), ['publish a 1 q0 retain', 'publish a 2 q0'])
  },
)

conforms(
  { v5: ['MQTT-3.3.2-5', 'MQTT-3.3.2-6'] },
  'a retained message that has expired is sent to nobody, and one that has not bears what is left of its interval',
  t => {
    const pond = new Pond()
    const alice = pond.client('alice', { keepAliveSeconds: 0 })
    const expires = (seconds: number) => ({
      qos: 1 as const,
      retain: true,
      properties: { messageExpiryInterval: seconds },
    })
    alice.publishes('a/short', 'x', expires(5))
    alice.publishes('a/long', 'x', expires(100))
    pond.passes({ seconds: 10 })

    const late = pond.client('late')
    late.subscribes('a/+', 1)
    const messages = late.receivesMessages()

    t.strictSame(
      messages.map(({ topic, properties }) => [topic, properties.messageExpiryInterval]),
      [['a/long', 90]],
    )
  },
)
