// Threat 31: a will is checked at CONNECT and again when it is due, after a reload of the rules and after a kill of the broker.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IClientOptions } from 'mqtt'
import { type Test, test } from 'tap'
import { arrivalAt, AttackedBroker } from './attacked-broker.ts'

const OPEN = 'topic readwrite #\n'
const CLOSED = 'topic read #\ntopic readwrite fresh\ntopic readwrite mark\n'

function will(topic: string): IClientOptions {
  return {
    clientId: `will-of-${topic}`,
    protocolVersion: 5,
    clean: false,
    properties: { sessionExpiryInterval: 600 },
    will: { topic, payload: Buffer.from('gone'), qos: 1, retain: false },
  }
}

async function started(t: Test, directory: string, rules: string): Promise<AttackedBroker> {
  const access = { rulesFile: 'rules', anonymous: 'everywhere' }
  const store = { durability: 'os', directory }
  return AttackedBroker.started(t, { access, store }, { rules })
}

function storeDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'will-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

test('a will without the right is refused with its CONNECT', async t => {
  const broker = await started(t, storeDirectory(t), CLOSED)

  await t.rejects(broker.client(will('closed')), { code: 0x87 })

  await broker.hasSurvived(t)
})

test('a will whose right is gone when it is due is dropped and counted', async t => {
  const broker = await started(t, storeDirectory(t), OPEN)
  const { client: watcher, heard } = await broker.listener({ clientId: 'watcher' })
  await watcher.subscribeAsync('#', { qos: 1 })
  const dying = await broker.client(will('closed'))

  writeFileSync(broker.pathOf('rules'), CLOSED)
  broker.process.process.kill('SIGHUP')
  await broker.process.prints(lines => lines.some(({ event }) => event === 'access.reloaded'))
  dying.stream.destroy()
  while ((await broker.status()).dropped['not-authorized'] === 0) await Promise.resolve()
  await watcher.publishAsync('mark', 'x', { qos: 1 })
  while (!heard.includes('mark')) await arrivalAt(watcher)

  t.notOk(heard.includes('closed'))
  await watcher.endAsync()
  await broker.hasSurvived(t)
})

test('a will of a killed broker is published by the next one only with the right of now', async t => {
  const directory = storeDirectory(t)
  const first = await started(t, directory, OPEN)
  const durable: IClientOptions = { clientId: 'watcher', clean: false }
  const watcher = await first.client(durable)
  await watcher.subscribeAsync('#', { qos: 1 })
  for (const topic of ['closed', 'mark']) await first.client(will(topic))
  await first.process.stops('SIGKILL')

  const second = await started(t, directory, CLOSED)
  const { client: back, heard } = await second.listener(durable)
  while (!heard.includes('mark')) await arrivalAt(back)

  t.strictSame(heard, ['mark'])
  t.equal((await second.status()).dropped['not-authorized'], 1)
  await back.endAsync()
  await second.hasSurvived(t)
})
