// Waiting lines whose end lies in the store: nothing gets stuck there, and nothing comes twice.

import { test } from 'tap'
import { DelayingStore } from '../store/delaying-store.ts'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
const ONE_AT_A_TIME = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 3_600, receiveMaximum: 1 },
}

test('messages in the store follow when all messages in memory were of QoS 0', async t => {
  const pond = new Pond({ limits: { queuedInMemoryMax: 1, queueQoS0WhileAway: true } })
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('a', 1)
  bob.vanishes()
  const alice = pond.client('alice')
  alice.publishes('a', 'first')
  alice.publishes('a', 'stored', { qos: 1 })
  alice.publishes('a', 'second')

  const back = pond.stranger('bob', DURABLE)
  back.connects()

  t.strictSame(back.hears(), [
    'connack 0x0 present',
    'publish a first q0',
    'publish a second q0',
    'publish a stored q1 #1',
  ])
})

test('a page is not asked for before the store knows what it is to hold', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store, limits: { queuedInMemoryMax: 1 } })
  const bob = pond.client('bob', ONE_AT_A_TIME)
  bob.subscribes('a', 1)
  const alice = pond.client('alice')
  store.commitsAll()
  alice.publishes('a', 'one', { qos: 1 })
  alice.publishes('a', 'two', { qos: 1 })
  store.commitsAll()
  bob.hears()
  alice.publishes('b', 'something else', { qos: 1, retain: true })

  pond.inOneTurn(() => {
    alice.publishes('a', 'three', { qos: 1 })
    bob.acknowledges('puback', 1)
    store.commits()
  })
  store.commitsAll()
  pond.settles()

  t.strictSame(bob.hears(), ['publish a two q1 #2'])
  bob.acknowledges('puback', 2)
  store.commitsAll()
  pond.settles()
  t.strictSame(bob.hears(), ['publish a three q1 #3'])
})

test('a page of a group does not bring again what a member has already', async t => {
  const pond = new Pond({ limits: { queuedInMemoryMax: 1 } })
  const bob = pond.client('bob', DURABLE)
  bob.subscribes('$share/g/a', 1)
  bob.vanishes()
  const carol = pond.client('carol', { properties: { receiveMaximum: 1 } })
  carol.subscribes('$share/g/a', 1)
  const alice = pond.client('alice')
  alice.publishes('a', 'one', { qos: 1 })
  alice.publishes('a', 'waits in memory')
  alice.publishes('a', 'two', { qos: 1 })

  const dave = pond.client('dave')
  dave.subscribes('$share/g/a', 1)

  t.strictSame(dave.hears(), [
    'suback #1 0x1',
    'publish a waits in memory q0',
    'publish a two q1 #1',
  ])
})
