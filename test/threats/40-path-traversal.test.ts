// Threat 40: a client id is no part of a file name, and the whole id is compared.

import { readdirSync } from 'node:fs'
import { test } from 'tap'
import { AttackedBroker } from './attacked-broker.ts'

const IDS = [
  '../../outside',
  '/tmp/outside',
  '..\\outside',
  '%2e%2e%2foutside',
  'con',
  '.',
  '..',
  'lock',
  `${'x'.repeat(250)}1`,
  `${'x'.repeat(250)}2`,
]

test('client ids that look like paths are stored, and no file outside of the store appears', async t => {
  const store = { durability: 'os', directory: 'data/store' }
  const broker = await AttackedBroker.started(t, { store })

  for (const [index, clientId] of IDS.entries()) {
    const client = await broker.client({ clientId, clean: false })
    await client.subscribeAsync(`t/${index}`, { qos: 1 })
    await client.endAsync()
  }
  const writer = await broker.client({ clientId: 'writer' })
  for (const index of IDS.keys())
    await writer.publishAsync(`t/${index}`, `for ${index}`, { qos: 1 })
  await writer.endAsync()

  t.equal((await broker.status()).sessions, IDS.length)
  t.strictSame(readdirSync(broker.pathOf('data')), ['store'])
  t.notOk(readdirSync(broker.pathOf('data/store')).some(name => name.includes('outside')))
  await broker.hasSurvived(t)
})
