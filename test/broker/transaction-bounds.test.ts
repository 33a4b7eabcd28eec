// The bounds of transactions that hold for several clients of a user, and for several messages together.

import { test } from 'tap'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond } from '../pond.ts'
import { type PondClient, sentenceOf } from '../pond-client.ts'
import { trustingAccess } from '../trusting-access.ts'

/** The last answer, and what it says. */
function verdictOn(client: PondClient): string {
  const packet = client.receives().findLast(({ type }) => type === 'puback')
  if (packet?.type !== 'puback') return 'no answer'
  const code = sentenceOf(packet).replace(/^puback #\d+ /, '')
  return `${code} ${packet.properties.reasonString ?? ''}`.trim()
}

/** Stages one message, and returns what the client is told. */
function stages(client: PondClient, id: string): string {
  client.publishes(`$tx/${id}/publish/a`, 'x'.repeat(500), { qos: 1 })
  return verdictOn(client)
}

function decides(client: PondClient, id: string, verb: 'commit' | 'prepare' | 'abort'): string {
  client.publishes(`$tx/${id}/${verb}`, '1', { qos: 1 })
  return verdictOn(client)
}

const ANN = { username: 'ann' } as const
const BEN = { username: 'ben' } as const
const ANN_HERSELF = { username: 'ann', address: '', authentication: 'password' } as const

test('the clients of one user have so many bytes in transactions, and other users have their own', async t => {
  const pond = new Pond({ access: trustingAccess, limits: { transactionsBytesPerUserMax: 2_500 } })
  const [one, two] = [pond.client('one', ANN), pond.client('two', ANN)]
  const ben = pond.client('three', BEN)

  t.equal(stages(one, 'a.1'), '0x0')
  t.match(stages(two, 'a.1'), /^0x97 no room .*limits\.transactionsBytesPerUserMax/)
  decides(two, 'a.1', 'abort')
  t.equal(stages(ben, 'a.1'), '0x0')
  t.equal(decides(one, 'a.1', 'prepare'), '0x0')
  t.match(stages(two, 'a.2'), /^0x97 .*transactionsBytesPerUserMax/, 'what is prepared counts')
  decides(two, 'a.2', 'abort')
  decides(one, 'a.1', 'commit')
  t.equal(stages(two, 'a.3'), '0x0', 'a decision makes room')
  decides(two, 'a.3', 'commit')
  two.disconnects()
  ben.disconnects()

  t.equal(pond.broker.statistics.limited.transactionsBytesPerUserMax, 2)
  t.equal(pond.broker.holdings.of(ANN_HERSELF).transactionBytes, 0)
})

test('the clients of one user have so many names of transactions, also over a restart', async t => {
  const limits = { transactionNamesPerUserMax: 2, transactionNamesKeptSeconds: 60 }
  const store = new MemoryStore()
  const pond = new Pond({ access: trustingAccess, limits, store })
  const commits = (client: PondClient, id: string): string => {
    stages(client, id)
    return decides(client, id, 'commit')
  }
  const durable = { ...ANN, cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
  const [one, two] = [pond.client('one', durable), pond.client('two', ANN)]

  t.match(commits(one, 'a.1'), /^0x(?:0|10)$/)
  t.match(commits(two, 'a.1'), /^0x(?:0|10)$/)
  t.match(commits(two, 'b.1'), /^0x97 no room .*limits\.transactionNamesPerUserMax/)
  t.match(commits(one, 'a.2'), /^0x(?:0|10)$/, 'a name that is known')
  t.match(commits(pond.client('three', BEN), 'a.1'), /^0x(?:0|10)$/)
  t.equal(pond.broker.statistics.limited.transactionNamesPerUserMax, 1)

  const { now } = pond
  const then = new Pond({ access: trustingAccess, limits, snapshot: await store.open(), now })
  t.equal(then.broker.holdings.of(ANN_HERSELF).transactionNames, 1, 'of the session that is stored')
  commits(then.client('two', ANN), 'a.2')
  t.equal(then.broker.holdings.of(ANN_HERSELF).transactionNames, 2, 'it was used again')
  then.passes({ seconds: 61 })
  t.equal(then.broker.holdings.of(ANN_HERSELF).transactionNames, 0)
})

test('a list of delivery ids is read no further than a transaction may hold', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const verdict = (payload: string): string => {
    alice.publishes('$tx/a.1/ack', payload, { qos: 1 })
    return verdictOn(alice)
  }

  t.equal(verdict('7.1\n'.repeat(1_000)), '0x0')
  t.match(verdict('\n'.repeat(1_002)), /^0x97 more lines than .*limits\.transactionMessagesMax/)
  t.match(verdict('x'.repeat(130_001)), /^0x97 more lines/, 'nor is it made a text')
  t.equal(pond.broker.statistics.limited.transactionMessagesMax, 2)
})

test('a transaction keeps to the limits of delayed and of retained messages with all that it has', async t => {
  const limits = { delayedMessagesPerClientMax: 3, retainedMessagesMax: 3 }
  const pond = new Pond({ limits })
  const alice = pond.client('alice')
  const verdict = (verb: string, id: string, ...topics: readonly string[]): string => {
    for (const topic of topics) {
      alice.publishes(`$tx/${id}/publish/${topic}`, 'x', { qos: 1, retain: true })
    }
    alice.publishes(`$tx/${id}/${verb}`, String(topics.length), { qos: 1 })
    return verdictOn(alice)
  }

  t.match(verdict('commit', 'a.1', 'a', 'b', 'c', 'd'), /^0x97 no room .*retainedMessagesMax/)
  t.equal(verdict('prepare', 'a.2', 'a', 'a', 'b'), '0x0', 'two to one topic count once')
  t.match(verdict('commit', 'a.3', 'c', 'd'), /^0x97 no room .*retainedMessagesMax/, 'prepared')
  t.equal(verdict('commit', 'a.4', 'a', 'b', 'c'), '0x0')
  const later = ['$delayed/9/x', '$delayed/9/y']
  t.match(verdict('commit', 'a.5', ...later, ...later), /^0x97 .*delayedMessagesPerClientMax/)
  t.equal(verdict('prepare', 'a.6', ...later), '0x0')
  t.match(verdict('commit', 'a.7', ...later), /^0x97 .*delayedMessagesPerClientMax/)
  t.equal(pond.broker.retained.ofClients, 3)
  t.equal(pond.broker.delayed.count, 0)
})

test('the clients of one user have so many delayed messages, over a restart and in transactions too', async t => {
  const limits = { delayedMessagesPerUserMax: 2, delayedBytesPerUserMax: 2_000 }
  const store = new MemoryStore()
  const pond = new Pond({ access: trustingAccess, limits, store })
  const [one, two, ben] = [pond.client('one', ANN), pond.client('two', ANN), pond.client('x', BEN)]
  const delays = (client: PondClient, payload = 'x', topic = '$delayed/60/a'): string => {
    client.publishes(topic, payload, { qos: 1 })
    return verdictOn(client)
  }

  t.equal(delays(one), '0x0')
  t.match(delays(two, 'x'.repeat(1_000)), /^0x97 no room .*limits\.delayedBytesPerUserMax/)
  t.equal(delays(two), '0x0')
  t.match(delays(two), /^0x97 no room .*limits\.delayedMessagesPerUserMax/)
  delays(two, 'x', '$tx/a.1/publish/$delayed/60/a')
  t.match(decides(two, 'a.1', 'commit'), /^0x97 .*limits\.delayedMessagesPerUserMax/)
  t.equal(delays(ben), '0x0')
  t.equal(pond.broker.statistics.limited.delayedMessagesPerUserMax, 2)

  const { now } = pond
  const then = new Pond({ access: trustingAccess, limits, snapshot: await store.open(), now })
  t.equal(then.broker.holdings.of(ANN_HERSELF).delayedMessages, 2)
  then.passes({ seconds: 61 })
  t.equal(then.broker.holdings.of(ANN_HERSELF).delayedMessages, 0)
  t.equal(then.broker.holdings.of(ANN_HERSELF).delayedBytes, 0)
})
