// Threat 33: messages that wait for a client are not sent once its right is gone. Scale: 1,000 messages.

import { writeFileSync } from 'node:fs'
import { test } from 'tap'
import { arrivalAt, AttackedBroker } from './attacked-broker.ts'

const MESSAGES = 1_000
const OPEN = 'topic readwrite #\n'
const CLOSED = 'topic readwrite fresh\ntopic readwrite kept\n'

test('a thousand queued messages are not sent after the right to them is gone, and are counted', async t => {
  const broker = await AttackedBroker.started(
    t,
    { access: { rulesFile: 'rules', anonymous: 'everywhere' } },
    { rules: OPEN },
  )
  const durable = { clientId: 'reader', clean: false }
  const reader = await broker.client(durable)
  await reader.subscribeAsync(['news', 'kept'], { qos: 1 })
  await reader.endAsync()
  const writer = await broker.client({ clientId: 'writer' })
  for (let count = 0; count < MESSAGES; count++) void writer.publishAsync('news', 'x', { qos: 1 })
  await writer.publishAsync('kept', 'x', { qos: 1 })

  writeFileSync(broker.pathOf('rules'), CLOSED)
  broker.process.process.kill('SIGHUP')
  await broker.process.prints(lines => lines.some(({ event }) => event === 'access.reloaded'))
  const { client: back, heard } = await broker.listener(durable)
  await writer.publishAsync('kept', 'x', { qos: 1 })
  while (heard.length < 2) await arrivalAt(back)

  t.strictSame(heard, ['kept', 'kept'])
  t.equal((await broker.status()).dropped['no-right-to-receive'], MESSAGES)
  await back.endAsync()
  await writer.endAsync()
  await broker.hasSurvived(t)
})
