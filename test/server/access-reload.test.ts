// Users and rules that change while the broker runs.

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import { removeUser } from '../../src/access/password/edit-password-file.ts'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { CLI } from '../command.ts'
import { brokerOnPort, Program } from '../interop/programs.ts'

const RULES = 'pattern readwrite #\n'

function usersOf(...names: readonly string[]): string {
  return names.map(name => `${name}:${formatHash(newPbkdf2(Buffer.from('x'), 101))}\n`).join('')
}

function filesIn(t: Test) {
  const folder = t.testdir({ users: usersOf('alice', 'bob'), rules: RULES })
  return { usersFile: resolve(folder, 'users'), rulesFile: resolve(folder, 'rules') }
}

/** A broker with alice and bob, its files, and the lines of its log. */
async function reloadable(t: Test, files = filesIn(t)) {
  const events: { event: string; cause?: string; disconnected?: number }[] = []
  const heard = new EventTarget()
  const note = (line: object): void => {
    events.push(line as { event: string })
    heard.dispatchEvent(new Event('line'))
  }
  const log = { debug: note, info: note, warn: note, error: note }
  const { broker, port } = await brokerOnPort({ access: files, log })
  t.teardown(() => broker.close())
  const connect = (username: string) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      username,
      password: 'x',
      clientId: username,
      protocolVersion: 5,
      reconnectPeriod: 0,
    })
  const logged = async (event: string) => {
    for (;;) {
      const found = events.find(each => each.event === event)
      if (found !== undefined) return found
      await new Promise(settle => heard.addEventListener('line', settle, { once: true }))
    }
  }
  return { broker, files, connect, logged, events }
}

/** Puts the whole file in its place at once, as editors and our commands do. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.next`, text)
  renameSync(`${file}.next`, file)
}

function disconnected(client: MqttClient): Promise<number | undefined> {
  return new Promise(settle => client.once('disconnect', ({ reasonCode }) => settle(reasonCode)))
}

test('a user that is removed is disconnected within a second, and the others stay', async t => {
  const { connect, files, logged } = await reloadable(t)
  const alice = await connect('alice')
  const bob = await connect('bob')
  const told = disconnected(bob)
  const removedAt = performance.now()

  await removeUser(files.usersFile, 'bob')

  t.equal(await told, 0x87)
  t.ok(performance.now() - removedAt < 1_500, 'the machine of the tests is busy')
  t.match(await logged('access.reloaded'), { users: 1, disconnected: 1 })
  await t.rejects(connect('bob'), { code: 0x86 })
  t.equal(alice.connected, true)
  await alice.endAsync()
})

test('new rules apply to connected clients, for what they receive and publish', async t => {
  const { broker, connect, files, logged } = await reloadable(t)
  const alice = await connect('alice')
  const bob = await connect('bob')
  const heard: string[] = []
  bob.on('message', topic => heard.push(topic))
  await bob.subscribeAsync('#', { qos: 1 })
  await alice.publishAsync('secret', 'x', { qos: 1 })

  replaceFile(files.rulesFile, 'pattern readwrite #\nuser bob\ntopic deny secret\n')
  await logged('access.reloaded')
  await alice.publishAsync('secret', 'x', { qos: 1 })
  await alice.publishAsync('last', 'x', { qos: 1 })

  while (!heard.includes('last')) await new Promise(settle => bob.once('message', settle))
  t.strictSame(heard, ['secret', 'last'])
  t.equal(broker.statistics.dropped['no-right-to-receive'], 1)
  await t.rejects(bob.publishAsync('secret', 'x', { qos: 1 }), { code: 0x87 })
  for (const client of [alice, bob]) await client.endAsync()
})

test('a wrong file changes nothing, and the log names its line', async t => {
  const { connect, files, logged, events } = await reloadable(t)
  const bob = await connect('bob')

  replaceFile(files.usersFile, usersOf('alice'))
  replaceFile(files.rulesFile, 'pattern readwrite #\ntopic a#\n')

  t.match((await logged('access.kept')).cause, `${files.rulesFile}:2: "a#" is no topic filter`)
  t.equal(bob.connected, true)
  t.notOk(events.some(({ event }) => event === 'access.reloaded'))
  await (await connect('bob')).endAsync()
})

test('a file that is still being written is not read before it is whole', async t => {
  const { connect, files, logged, events } = await reloadable(t)
  const bob = await connect('bob')
  let isDisconnected = false
  bob.on('disconnect', () => (isDisconnected = true))

  const users = readFileSync(files.usersFile, 'utf8')
  writeFileSync(files.usersFile, usersOf('carol'))
  for (let line = 0; line < 15; line++) {
    await new Promise(settle => setTimeout(settle, 60))
    appendFileSync(files.usersFile, '# a comment\n')
  }
  appendFileSync(files.usersFile, users)

  t.match(await logged('access.reloaded'), { users: 3, disconnected: 0 })
  t.equal(isDisconnected, false)
  t.equal(events.filter(({ event }) => event === 'access.reloaded').length, 1)
  await bob.endAsync()
})

test('a file that changes while the broker starts is read anew', async t => {
  const folder = t.testdir({ users: usersOf('alice'), rules: RULES })
  const usersFile = resolve(folder, 'users')
  const starting = reloadable(t, { usersFile, rulesFile: resolve(folder, 'rules') })
  replaceFile(usersFile, usersOf('alice', 'bob'))
  const { connect, logged } = await starting

  t.match(await logged('access.reloaded'), { users: 2, disconnected: 0 })
  const bob = await connect('bob')
  await bob.endAsync()
})

test('SIGHUP reads users and rules anew, and readyz and status tell when they are wrong', async t => {
  const folder = t.testdir({
    'pondhawk.yaml':
      'listeners: [{port: 0}, {protocol: ws, port: 0}]\nstore: {durability: memory}\naccess: {usersFile: users}\n',
    users: usersOf('alice'),
  })
  const program = new Program(process.execPath, [CLI, '-c', resolve(folder, 'pondhawk.yaml')])
  t.teardown(() => program.process.kill('SIGKILL'))
  await program.prints('"ready"}')

  program.process.kill('SIGHUP')
  await program.prints('"event":"access.reloaded"')
  writeFileSync(resolve(folder, 'users'), 'alice:x\n')
  program.process.kill('SIGHUP')
  await program.prints('"event":"access.kept"')

  t.match(program.output, `${resolve(folder, 'users')}:1: no hash follows the name`)
  t.ok(existsSync(folder))
  const [, port] = /ws:\/\/[^:"]+:(\d+)/.exec(program.output) ?? []
  const page = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  t.match(await page('/readyz'), /^ready\nThe users and rules could not be read anew/)
  t.match(JSON.parse(await page('/api/v1/status')), {
    access: { reloadsRefused: Number, keepsOld: 1 },
  })

  writeFileSync(resolve(folder, 'users'), usersOf('alice', 'bob'))
  program.process.kill('SIGHUP')
  await program.prints('"users":2')

  t.equal(await page('/readyz'), 'ready\n')
})
