// Wills: sections 3.1.2.5, 3.1.3.2 and 3.14.4.

import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { conforms } from './conforms.ts'

const VERSIONS = [4, 5] as const

function watcherIn(pond: Pond): PondClient {
  const watcher = pond.client('watcher', { version: 4, keepAliveSeconds: 0 })
  watcher.subscribes('will', 2)
  watcher.hears()
  return watcher
}

conforms(
  { v5: ['MQTT-3.1.2-10'], v311: ['MQTT-3.1.2-12'] },
  'a client without a will leaves none',
  t => {
    const pond = new Pond()
    const watcher = watcherIn(pond)
    watcher.subscribes('#')
    watcher.hears()
    for (const version of VERSIONS) pond.client(`a${version}`, { version }).vanishes()
    t.strictSame(watcher.hears(), [])
  },
)

conforms(
  { v5: ['MQTT-4.7.3-1', 'MQTT-4.7.1-1'], v311: ['MQTT-3.2.2-6', 'MQTT-4.7.3-1', 'MQTT-4.7.1-1'] },
  'a will that cannot be published is refused: with its reason in 5.0, and without a CONNACK that would say "later" before',
  t => {
    for (const version of [3, 4, 5] as const) {
      for (const topic of ['', 'will/+', '#', `a${'/a'.repeat(300)}`]) {
        const client = new Pond().stranger('a', { version, will: { topic } })
        client.connects()
        const expected = version === 5 ? ['connack 0x90', 'closed'] : ['closed']
        t.strictSame(client.hears(), expected, `${topic} in version ${version}`)
      }
    }
  },
)

conforms(
  {
    v5: ['MQTT-3.1.2-14', 'MQTT-3.1.2-15'],
    v311: ['MQTT-3.1.2-8', 'MQTT-3.1.2-16', 'MQTT-3.1.2-17'],
  },
  'the will is published when the connection breaks, retained exactly if it says so',
  t => {
    for (const version of VERSIONS) {
      for (const retain of [false, true]) {
        const pond = new Pond()
        const watcher = watcherIn(pond)
        const will = { topic: 'will', payload: 'gone', qos: 1 as const, retain }
        pond.client('a', { version, will }).vanishes()

        t.strictSame(watcher.hears(), ['publish will gone q1 #1'])
        const late = pond.client('late')
        late.subscribes('will', 1)
        t.strictSame(late.hears().slice(1), retain ? ['publish will gone q1 #1 retain'] : [])
      }
    }
  },
)

conforms(
  { v5: ['MQTT-3.14.4-3'], v311: ['MQTT-3.1.2-10', 'MQTT-3.14.4-3'] },
  'DISCONNECT discards the will, and a will is published once',
  t => {
    for (const version of VERSIONS) {
      const pond = new Pond()
      const watcher = watcherIn(pond)
      const will = { topic: 'will' }
      const polite = pond.client('polite', { version, will })
      polite.disconnects()
      t.ok(polite.isClosed)
      t.strictSame(watcher.hears(), [])

      pond.client('rude', { version, will }).vanishes()
      t.equal(watcher.hears().length, 1)
      pond.client('rude', { version }).vanishes()
      pond.passes({ seconds: 100 })
      t.strictSame(watcher.hears(), [])
    }
  },
)

conforms(
  { v5: ['MQTT-3.1.3-9'] },
  'a client that is back before its will delay is over leaves no will; one that is not does',
  t => {
    const pond = new Pond()
    const watcher = watcherIn(pond)
    const options = {
      cleanStart: false,
      keepAliveSeconds: 0,
      properties: { sessionExpiryInterval: 100 },
      will: { topic: 'will', payload: 'late', properties: { willDelayInterval: 10 } },
    }
    pond.client('a', options).vanishes()
    pond.passes({ seconds: 9 })
    t.strictSame(watcher.hears(), [])
    const back = pond.client('a', options)
    pond.passes({ seconds: 20 })
    t.strictSame(watcher.hears(), [])

    back.vanishes()
    pond.passes({ seconds: 11 })
    t.strictSame(watcher.hears(), ['publish will late q0'])
  },
)

conforms(
  { v5: ['MQTT-4.1.0-2'] },
  'the session ends when its expiry has passed, and a will that waited longer goes with it',
  t => {
    const pond = new Pond()
    const watcher = watcherIn(pond)
    pond
      .client('a', {
        cleanStart: false,
        properties: { sessionExpiryInterval: 5 },
        will: { topic: 'will', payload: 'x', properties: { willDelayInterval: 1_000 } },
      })
      .vanishes()

    pond.passes({ seconds: 4 })
    t.equal(pond.broker.sessions.get('a')?.clientId, 'a')
    t.strictSame(watcher.hears(), [])
    pond.passes({ seconds: 2 })
    t.equal(pond.broker.sessions.get('a'), undefined)
    t.strictSame(watcher.hears(), ['publish will x q0'])
  },
)

conforms(
  { v5: ['MQTT-3.1.3-10'] },
  'the will is published with its properties, user properties in their order',
  t => {
    const pond = new Pond()
    const watcher = pond.client('watcher')
    watcher.subscribes('will')
    watcher.hears()
    const userProperties = [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
    ] as const
    const properties = { contentType: 'text/plain', responseTopic: 'r', userProperties }

    pond.client('a', { will: { topic: 'will', properties } }).vanishes()

    const [message] = watcher.receivesMessages()
    t.match(message, { topic: 'will', properties })
    t.equal(message?.properties.willDelayInterval, undefined)
  },
)

conforms(
  { v5: ['MQTT-3.14.2-1'] },
  'DISCONNECT with a reason other than 0 leaves the will, and an unknown reason breaks the protocol',
  t => {
    const pond = new Pond()
    const watcher = watcherIn(pond)
    pond.client('a', { will: { topic: 'will', payload: '1' } }).disconnects(0x04)
    t.strictSame(watcher.hears(), ['publish will 1 q0'])

    const wrong = pond.client('b')
    wrong.saysBytes('e0 02 05 00')
    t.strictSame(wrong.hears(), ['disconnect 0x82', 'closed'])
  },
)
