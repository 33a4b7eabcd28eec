// MQTT 3.1, which has no numbered statements: what its clients rely on.

import { test } from 'tap'
import { Pond } from '../pond.ts'
import { framed } from './bytes.ts'

test('a client of MQTT 3.1 is answered with two bytes, without a Session Present bit', async t => {
  const pond = new Pond()
  for (let count = 0; count < 2; count++) {
    const client = pond.stranger('a', { version: 3, cleanStart: false })
    client.connects()
    t.equal(client.wire.takes().toString('hex'), '20020000')
    client.vanishes()
  }
})

test('a client of MQTT 3.1 needs a client id', async t => {
  const client = new Pond().stranger('', { version: 3 })
  client.connects()
  t.equal(client.wire.takes().toString('hex'), '20020002')
  t.ok(client.isClosed)
})

test('messages of every QoS, wills and retained messages pass over MQTT 3.1', async t => {
  const pond = new Pond()
  const will = { topic: 'w', payload: 'gone', qos: 1 as const }
  const alice = pond.client('alice', { version: 3, will })
  const bob = pond.client('bob', { version: 3 })
  bob.subscribes('#', 2)
  bob.hears()
  alice.publishes('a', '0', { retain: true })
  alice.publishes('a', '1', { qos: 1 })
  alice.publishes('a', '2', { qos: 2 })
  t.strictSame(alice.hears(), ['puback #1 0x0', 'pubrec #2 0x0'])
  alice.vanishes()
  t.strictSame(bob.hears(), [
    'publish a 0 q0',
    'publish a 1 q1 #1',
    'publish a 2 q2 #2',
    'publish w gone q1 #3',
  ])
  const late = pond.client('late', { version: 3 })
  late.subscribes('a')
  t.strictSame(late.hears(), ['suback #1 0x0', 'publish a 0 q0 retain'])
})

test('DUP in SUBSCRIBE, UNSUBSCRIBE and PUBREL is taken over MQTT 3.1', async t => {
  const client = new Pond().client('a', { version: 3 })
  client.saysBytes(framed('8a', '0001 0001 61 00'))
  client.saysBytes(framed('aa', '0002 0001 61'))
  client.publishes('a', '', { qos: 2, packetId: 3 })
  client.saysBytes(framed('6a', '0003'))
  t.strictSame(client.hears(), ['suback #1 0x0', 'unsuback #2', 'pubrec #3 0x0', 'pubcomp #3 0x0'])
})

const LENIENT: readonly (readonly [string, string])[] = [
  ['reserved flags of the header', framed('1f', '0006 4d514973647003 02 0000 0001 61')],
  ['the reserved connect flag', framed('10', '0006 4d514973647003 03 0000 0001 61')],
  ['will bits without a will', framed('10', '0006 4d514973647003 3a 0000 0001 61')],
  ['a user name flag without the field', framed('10', '0006 4d514973647003 82 0000 0001 61')],
  [
    'user name and password flags without fields',
    framed('10', '0006 4d514973647003 c2 0000 0001 61'),
  ],
  ['a length of a fixed width', '10908000' + '00064d5149736470030200000002' + '6161'],
]

for (const [what, bytes] of LENIENT) {
  test(`CONNECT of MQTT 3.1 may have ${what}`, async t => {
    const client = new Pond().stranger('a', { version: 3 })
    client.saysBytes(bytes)
    t.equal(client.wire.takes().toString('hex'), '20020000')
    t.notOk(client.isClosed)
  })
}

test('MQTT 3.1 does not mind reserved flags, DUP at QoS 0 and lengths of a fixed width', async t => {
  const pond = new Pond()
  const client = pond.client('a', { version: 3 })
  client.saysBytes(framed('83', '0001 0001 61 00'))
  client.saysBytes(framed('38', '0001 61 68 69'))
  client.saysBytes('3084800000016178')
  client.saysBytes(framed('c1', ''))
  t.strictSame(client.hears(), ['suback #1 0x0', 'publish a hi q0', 'publish a x q0', 'pingresp'])
})

const BRIDGES = [
  ['3.1', '0006 4d5149736470 83'],
  ['3.1.1', '0004 4d515454 84'],
] as const

for (const [version, start] of BRIDGES) {
  test(`a bridge of ${version} is taken in, hears no echo, and RETAIN as it was published`, async t => {
    const pond = new Pond()
    const other = pond.client('other')
    const bridge = pond.stranger('b', { version: version === '3.1' ? 3 : 4 })
    bridge.saysBytes(framed('10', `${start} 02 0000 0001 62`))
    t.equal(bridge.wire.takes().toString('hex'), '20020000')
    bridge.saysBytes(framed('82', '0001 0001 23 01'))
    bridge.hears()

    bridge.publishes('t', 'mine')
    other.publishes('t', 'kept', { retain: true })

    t.strictSame(bridge.hears(), ['publish t kept q0 retain'])
  })
}

for (const level of ['00', '02', '82', '03']) {
  test(`MQTT of level 0x${level} is refused in the form of 3.1.1`, async t => {
    const client = new Pond().stranger('a')
    client.saysBytes(framed('10', `0004 4d515454 ${level} 02 0000 0001 61`))
    t.equal(client.wire.takes().toString('hex'), '20020001')
    t.ok(client.isClosed)
  })
}

const TREES = ['$SYS', '$share', '$queue', '$delayed', '$tx', '$CONTROL', '$retained-complete']

test('only the trees of the broker itself are closed to publishers', async t => {
  const pond = new Pond()
  const client = pond.client('a', { version: 5 })
  const all = pond.client('all')
  all.subscribes('#')
  all.subscribes('$aws/#')
  all.subscribes('$SYS/broker/connection/#')
  all.hears()

  for (const tree of TREES) client.publishes(`${tree}/x`, '', { qos: 1 })
  client.publishes('$aws/things/x', 'ordinary', { qos: 1 })
  client.publishes('$SYS/broker/connection/b/state', '1', { qos: 1 })
  client.publishes('$SYS/broker/connection/b/c/state', '1', { qos: 1 })

  const refused = client.hears().map(heard => heard.split(' ').slice(2)[0])
  // No such queue, no number of seconds, and no transaction.
  const reasons = TREES.map(tree => (/queue|delayed|tx/.test(tree) ? '0x90' : '0x87'))
  t.strictSame(refused, [...reasons, '0x0', '0x0', '0x87'])
  t.strictSame(all.hears(), [
    'publish $aws/things/x ordinary q0',
    'publish $SYS/broker/connection/b/state 1 q0',
  ])
})
