// Threat 62: a process without free descriptors keeps its rules, also when it reads them again. Scale: 256 descriptors.

import { once } from 'node:events'
import { connect } from 'node:net'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import mqtt from 'mqtt'
import { test } from 'tap'
import { CLI } from '../command.ts'
import { Program } from '../interop/programs.ts'
import { passwordsOf } from './attacked-broker.ts'

const SOURCES = resolve(import.meta.dirname, '../../../src')
const DESCRIPTORS = 256

test('a reload of users and rules without free descriptors lets nobody in who was not', async t => {
  const folder = t.testdir({
    users: passwordsOf({ owner: 'owners-password' }),
    rules: 'user owner\ntopic readwrite open\n',
    'c.json': JSON.stringify({
      listeners: [{ host: '127.0.0.1', port: 0 }],
      store: { durability: 'memory' },
      access: { usersFile: 'users', rulesFile: 'rules' },
      log: { format: 'json' },
    }),
  })
  const words = [CLI, 'start', '-c', join(folder, 'c.json')].map(word => `'${word}'`).join(' ')
  const command = `unset NODE_OPTIONS; ulimit -n ${DESCRIPTORS}; exec '${process.execPath}' ${words}`
  const broker = new Program('sh', ['-c', command])
  t.teardown(() => broker.process.kill('SIGKILL'))
  await broker.prints('broker.ready')
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(broker.output)?.[1])
  const login = { username: 'owner', password: 'owners-password', reconnectPeriod: 0 }
  const owner = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    ...login,
    protocolVersion: 5,
  })
  const crowd = Array.from({ length: 2 * DESCRIPTORS }, () =>
    connect(port, '127.0.0.1').on('error', () => {}),
  )
  await Promise.all(crowd.slice(0, 100).map(socket => once(socket, 'connect').catch(() => {})))

  writeFileSync(join(folder, 'rules'), 'user owner\ntopic readwrite other\n')
  broker.process.kill('SIGHUP')
  await broker.prints('access.re')

  const url = `mqtt://127.0.0.1:${port}`
  await t.rejects(mqtt.connectAsync(url, { reconnectPeriod: 0 }), 'nobody without a user')
  await t.rejects(owner.publishAsync('closed', 'x', { qos: 1 }), 'rules hold, old or new')
  t.equal(broker.process.exitCode, null)
  for (const socket of crowd) socket.destroy()
  await owner.endAsync(true)
})

test('nothing asks for the memory of the process where a lack of descriptors would end it', t => {
  const mayAsk = ['observe/resident-memory.ts', 'server/overload-sensors.ts']
  const asking: string[] = []
  for (const name of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    if (readFileSync(join(SOURCES, name), 'utf8').includes('memoryUsage')) asking.push(name)
  }

  t.strictSame(asking.sort(), mayAsk)
  t.end()
})
