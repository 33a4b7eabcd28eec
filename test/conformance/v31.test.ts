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
