import { test } from 'tap'
import { Pond } from '../pond.ts'

test('a message reaches the subscriber and is acknowledged to the publisher', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob')

  bob.subscribes('pond/depth', 1)
  alice.publishes('pond/depth', '3 m', { qos: 1 })

  t.strictSame(bob.hears(), ['suback #1 0x1', 'publish pond/depth 3 m q1 #1'])
  t.strictSame(alice.hears(), ['puback #1 0x0'])
})

test('QoS 2 takes its four steps on both sides', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  bob.subscribes('a/#', 2)
  bob.hears()

  alice.publishes('a/b', 'x', { qos: 2 })
  t.strictSame(alice.hears(), ['pubrec #1 0x0'])
  t.strictSame(bob.hears(), ['publish a/b x q2 #1'])
  alice.acknowledges('pubrel', 1)
  bob.acknowledges('pubrec', 1)
  t.strictSame(alice.hears(), ['pubcomp #1 0x0'])
  t.strictSame(bob.hears(), ['pubrel #1 0x0'])
})

test('a full window holds the third message back until one is settled', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob', { properties: { receiveMaximum: 2 } })
  bob.subscribes('a', 1)
  bob.hears()

  for (const payload of ['1', '2', '3']) alice.publishes('a', payload, { qos: 1 })
  t.strictSame(bob.hears(), ['publish a 1 q1 #1', 'publish a 2 q1 #2'])

  bob.acknowledges('puback', 1)
  t.strictSame(bob.hears(), ['publish a 3 q1 #3'])
})
