// Threat 53: intervals of 0 and of the largest value that a packet can have are kept, and no timer of Node overflows.

import { test } from 'tap'
import { AttackedBroker } from './attacked-broker.ts'

const LARGEST = 4_294_967_295

test('the largest session expiry, will delay, message expiry and keep-alive are waited for and do not expire at once', async t => {
  const limits = { sessionExpirySecondsMax: LARGEST }
  const broker = await AttackedBroker.started(t, { limits })
  await broker.isWatched()
  const will = {
    topic: 'wills',
    payload: Buffer.from('too early'),
    qos: 1 as const,
    retain: false,
    properties: { willDelayInterval: LARGEST },
  }
  const options = {
    clientId: 'edge',
    protocolVersion: 5 as const,
    clean: false,
    keepalive: 65_535,
    properties: { sessionExpiryInterval: LARGEST },
  }
  const { client: watcher, heard } = await broker.listener({ clientId: 'watcher' })
  await watcher.subscribeAsync('wills', { qos: 1 })
  const edge = await broker.client({ ...options, will })
  await edge.subscribeAsync('kept', { qos: 1 })
  edge.stream.destroy()

  const writer = await broker.client({ clientId: 'writer', protocolVersion: 5 })
  const properties = { messageExpiryInterval: LARGEST }
  await writer.publishAsync('kept', 'x', { qos: 1, properties })
  const back = await broker.listener(options)
  while (back.heard.length < 1) await new Promise(arrives => back.client.once('message', arrives))

  t.strictSame([heard, back.heard], [[], ['kept']])
  t.equal((await broker.status()).dropped['message-expired'], 0)
  for (const each of [watcher, back.client, writer]) await each.endAsync()
  await broker.hasSurvived(t)
})

test('intervals of 0 end what they bound, and nothing else', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const sessionsBefore = (await broker.status()).sessions
  const brief = await broker.client({
    clientId: 'brief',
    protocolVersion: 5,
    clean: false,
    keepalive: 0,
    properties: { sessionExpiryInterval: 0 },
  })
  await brief.endAsync()

  const writer = await broker.client({ clientId: 'writer', protocolVersion: 5 })
  const properties = { messageExpiryInterval: 0 }
  await writer.publishAsync('kept', 'x', { qos: 1, retain: true, properties })
  await writer.endAsync()

  t.equal((await broker.status()).sessions, sessionsBefore)
  await broker.hasSurvived(t)
})
