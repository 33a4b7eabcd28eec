// The records of a whole server: over a restart, with certificates, and what they cost while nobody asks.

import mqtt from 'mqtt'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { parseConfig } from '../../src/config/parse.ts'
import type { Log } from '../../src/observe/log.ts'
import { startServer } from '../../src/server/server.ts'
import { makeCertificates } from '../transport/world.ts'

function configured(directory: string) {
  return parseConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    store: { directory, durability: 'os' },
  })
}

function written(): { readonly log: Log; readonly events: string[] } {
  const events: string[] = []
  const line = ({ event }: { readonly event?: unknown }): void => {
    events.push(String(event))
  }
  return { events, log: { debug: line, info: line, warn: line, error: line } }
}

test('charts survive a restart; with a damaged file they begin anew, and the log says so', async t => {
  const directory = t.testdir()
  const config = configured(directory)
  const first = await startServer(config, written().log)
  first.records.tick()
  await first.close()

  const second = await startServer(config, written().log)
  const { mean } = second.records.history.of('1h')
  t.ok(mean['sessions']?.some(value => value === 0))
  await second.close()

  const path = join(directory, 'history.bin')
  const bytes = readFileSync(path)
  bytes[1_000] = (bytes[1_000] ?? 0) ^ 0xff
  writeFileSync(path, bytes)
  const { log, events } = written()
  const third = await startServer(config, log)
  t.teardown(() => third.close())
  t.ok(events.includes('history.ignored'))
  t.notOk(third.records.history.of('1h').mean['sessions']?.some(value => value !== null))
})

test('a certificate of a listener that expires soon is an alarm', async t => {
  const directory = t.testdir()
  makeCertificates(directory)
  const tls = { certFile: join(directory, 'server.crt'), keyFile: join(directory, 'server.key') }
  const config = parseConfig({
    listeners: [{ host: '127.0.0.1', port: 0, tls }],
    store: { durability: 'memory' },
  })
  const server = await startServer(config, written().log)
  t.teardown(() => server.close())

  server.records.alarms.update(Date.now())
  const before = server.records.alarms.all.map(({ code }) => code)
  server.records.alarms.update(Date.now() + 86_400_000 * 365 * 200)

  t.notOk(before.includes('certificate-expires'))
  t.match(
    server.records.alarms.all.find(({ code }) => code === 'certificate-expires'),
    { level: 'fault', cause: /server\.crt has expired/ },
  )
})

test('of a thousand messages at most those of the sample are looked at, and no delivery is', async t => {
  const server = await startServer(configured(t.testdir()), written().log)
  t.teardown(() => server.close())
  const url = `mqtt://127.0.0.1:${server.listeners[0]?.port}`
  const reader = await mqtt.connectAsync(url, { clientId: 'reader' })
  await reader.subscribeAsync('a', { qos: 1 })
  const { heard } = server.core.broker.faults.observers
  const asked = (): readonly string[] =>
    (['sent', 'acknowledged', 'publishHeld'] as const).filter(name => heard[name] !== undefined)
  t.strictSame(asked(), ['publishHeld'])
  let looks = 0
  const { tree } = server.records.topics
  const add = tree.add.bind(tree)
  tree.add = (...args) => {
    looks += 1
    add(...args)
  }
  const started = performance.now()

  const writer = await mqtt.connectAsync(url, { clientId: 'writer' })
  await Promise.all(Array.from({ length: 1_000 }, () => writer.publishAsync('a', 'x', { qos: 1 })))

  const seconds = (performance.now() - started) / 1_000
  t.ok(looks > 0 && looks <= 200 * (1 + seconds), `${looks} looks in ${seconds} s`)
  t.ok([...server.core.sockets].every(({ tap }) => tap === null))
  await writer.endAsync()
  await reader.endAsync()
})
