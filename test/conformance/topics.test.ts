// Topic names and filters (4.7), shared subscriptions (4.8.2).

import { Pond } from '../pond.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const

conforms(
  { v5: ['MQTT-4.7.1-1', 'MQTT-4.7.1-2'], v311: ['MQTT-4.7.1-2', 'MQTT-4.7.1-3'] },
  'wildcards stand where the specification lets them, or the connection is closed',
  t => {
    for (const version of VERSIONS) {
      for (const filter of ['#', 'a/#', '/#', '+', '+/+', '/+', 'a/+/b/#', '+/#']) {
        const client = new Pond().client('a', { version })
        client.subscribes(filter)
        t.strictSame(client.hears(), ['suback #1 0x0'], filter)
      }
      for (const filter of ['a#', 'a/#/b', '#/', 'a+', '+a', 'a/b+/c', '##', '++']) {
        const client = new Pond().client('a', { version })
        client.subscribes(filter)
        t.strictSame(
          client.hears(),
          version === 5 ? ['disconnect 0x8f', 'closed'] : ['closed'],
          filter,
        )
      }
    }
  },
)

conforms(
  { v5: ['MQTT-4.7.2-1'], v311: ['MQTT-4.7.2-1'] },
  'a filter that begins with a wildcard does not match a topic that begins with $',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond({
        access: {
          authenticate: () => ({
            kind: 'allowed',
            permissions: { mayPublish: () => true, maySubscribe: () => true },
          }),
          beginExchange: () => null,
          permissionsOf: () => null,
        },
      })
      const alice = pond.client('alice', { version })
      alice.publishes('$own/a', 'kept', { retain: true })
      const bob = pond.client('bob', { version })
      for (const filter of ['#', '+/a', '+/+', '/#']) bob.subscribes(filter)
      t.ok(bob.hears().every(each => each.startsWith('suback')))
      alice.publishes('$own/a', 'x')
      t.strictSame(bob.hears(), [])
      bob.subscribes('$own/#')
      t.strictSame(bob.hears().slice(1), ['publish $own/a kept q0 retain'])
    }
  },
)

conforms(
  { v5: ['MQTT-4.8.2-1', 'MQTT-4.8.2-2'] },
  'a shared subscription has a name without wildcards and a filter, or the connection is closed',
  t => {
    for (const filter of ['$share/g/a', '$share/g/#', '$share/g//', '$share/größe/+/x']) {
      const client = new Pond().client('a')
      client.subscribes(filter)
      t.strictSame(client.hears(), ['suback #1 0x0'], filter)
    }
    for (const filter of [
      '$share/g',
      '$share/g/',
      '$share//a',
      '$share/g+/a',
      '$share/#/a',
      '$share/+/a',
      '$share/g/a#',
    ]) {
      const client = new Pond().client('a')
      client.subscribes(filter)
      t.strictSame(client.hears(), ['disconnect 0x8f', 'closed'], filter)
    }
  },
)

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }

conforms(
  { v5: ['MQTT-4.8.2-4'] },
  'QoS 2 that a member of a group has begun is completed with that member when it is back',
  t => {
    const pond = new Pond()
    const one = pond.client('one', DURABLE)
    one.subscribes('$share/g/a', 2)
    const two = pond.client('two', DURABLE)
    two.subscribes('$share/g/a', 2)
    two.hears()
    pond.client('alice').publishes('a', 'x', { qos: 2 })
    t.equal(one.receivesMessages().length, 1)
    one.vanishes()
    t.strictSame(two.hears(), [])

    const back = pond.stranger('one', DURABLE)
    back.connects()
    t.strictSame(back.hears().slice(1), ['publish a x q2 #1 dup'])
    back.acknowledges('pubrec', 1)
    back.acknowledges('pubcomp', 1)
    t.strictSame(back.hears(), ['pubrel #1 0x0'])
  },
)

conforms(
  { v5: ['MQTT-4.8.2-5'] },
  'QoS 2 that a member of a group has begun goes to nobody else when its session ends',
  t => {
    const pond = new Pond()
    const one = pond.client('one')
    one.subscribes('$share/g/a', 2)
    const two = pond.client('two')
    two.subscribes('$share/g/a', 2)
    two.hears()
    pond.client('alice').publishes('a', 'x', { qos: 2 })
    t.equal(one.receivesMessages().length, 1)

    one.vanishes()

    t.equal(pond.broker.sessions.get('one'), undefined)
    t.strictSame(two.hears(), [])
    t.equal(pond.broker.statistics.dropped['session-ended'], 1)
  },
)

conforms(
  { v5: ['MQTT-4.8.2-6'] },
  'a message that a member of a group refuses is offered to nobody else',
  t => {
    const pond = new Pond()
    const members = ['one', 'two'].map(name => {
      const member = pond.client(name)
      member.subscribes('$share/g/a', 2)
      member.hears()
      return member
    })
    const alice = pond.client('alice')
    alice.publishes('a', '1', { qos: 1 })
    alice.publishes('a', '2', { qos: 2 })
    const [one, two] = members
    t.strictSame([one?.hears(), two?.hears()], [['publish a 1 q1 #1'], ['publish a 2 q2 #1']])

    one?.acknowledges('puback', 1, 0x80)
    two?.acknowledges('pubrec', 1, 0x83)
    two?.vanishes()

    t.strictSame(one?.hears(), [])
  },
)
