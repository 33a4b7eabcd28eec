// Threat 36: files of users and rules that are wrong, missing or unreadable never open anything: a start is refused, and a reload
// keeps the old ones and says so.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { CLI } from '../command.ts'
import { Program } from '../interop/programs.ts'
import { AttackedBroker, passwordsOf } from './attacked-broker.ts'

const OWNER = { username: 'owner', password: 'owners-password', protocolVersion: 5 as const }
const USERS = passwordsOf({ owner: OWNER.password })
const RULES =
  'user owner\ntopic readwrite open\ntopic readwrite fresh\ntopic readwrite bystanders/#\n'
const ACCESS = { usersFile: 'users', rulesFile: 'rules' }

/** By name: the file that is wrong, and what it has; null for no file, and a directory for one. */
const WRONG: Readonly<Record<string, readonly ['users' | 'rules', string | null]>> = {
  'a password file with a blank field': ['users', `${USERS}guest:\n`],
  'a password file without a colon': ['users', `${USERS}guest\n`],
  'a password file with an unknown hash': ['users', `${USERS}guest:$9$abc\n`],
  'a password file with a hash that is cut': ['users', USERS.slice(0, -12)],
  'a password file with plain text': ['users', 'owner:owners-password\n'],
  'no password file': ['users', null],
  'a directory as password file': ['users', 'directory'],
  'a password file of zeros': ['users', '\0'.repeat(1_000)],
  'rules with an unknown word': ['rules', `${RULES}topics read #\n`],
  'rules with a wrong filter': ['rules', `${RULES}topic read a#\n`],
  'rules with an unknown access': ['rules', `${RULES}topic all\n`.replace('all', '')],
  'no rules file': ['rules', null],
  'a directory as rules file': ['rules', 'directory'],
  'rules of zeros': ['rules', '\0'.repeat(1_000)],
}

function spoil(path: string, content: string | null): void {
  rmSync(path, { recursive: true, force: true })
  if (content === 'directory') mkdirSync(path)
  else if (content !== null) writeFileSync(path, content)
}

async function isAsBefore(t: Test, broker: AttackedBroker, what: string): Promise<void> {
  await t.rejects(broker.client({ protocolVersion: 5 }), `${what}: nobody without a name`)
  await t.rejects(broker.client({ ...OWNER, username: 'guest' }), `${what}: no guest`)
  const owner = await broker.client({ ...OWNER, clientId: 'owner' })
  await t.resolves(owner.publishAsync('open', 'x', { qos: 1 }), `${what}: the owner may publish`)
  await t.rejects(owner.publishAsync('closed', 'x', { qos: 1 }), `${what}: and nothing more`)
  await owner.endAsync()
}

test('a reload with a wrong file keeps the users and rules of before, and says so', async t => {
  const files = { users: USERS, rules: RULES }
  const broker = await AttackedBroker.started(t, { access: ACCESS }, files)
  await broker.isWatched({ ...OWNER })

  for (const [what, [name, content]] of Object.entries(WRONG)) {
    const kept = broker.lines.filter(({ event }) => event === 'access.kept').length
    spoil(broker.pathOf(name), content)
    broker.process.process.kill('SIGHUP')
    await broker.process.prints(
      lines => lines.filter(({ event }) => event === 'access.kept').length > kept,
    )
    await isAsBefore(t, broker, what)
    spoil(broker.pathOf(name), files[name])
  }

  await broker.hasSurvived(t, ['owners-password'], OWNER)
})

for (const [what, [name, content]] of Object.entries(WRONG)) {
  test(`a start with ${what} is refused with status 78 and the name of the file`, async t => {
    const folder = t.testdir({
      users: USERS,
      rules: RULES,
      'c.json': JSON.stringify({
        listeners: [{ host: '127.0.0.1', port: 0 }],
        store: { durability: 'memory' },
        access: ACCESS,
      }),
    })
    spoil(join(folder, name), content)

    const start = new Program(process.execPath, [CLI, 'start', '-c', join(folder, 'c.json')])
    t.teardown(() => start.process.kill('SIGKILL'))
    const { status, output, errors } = await start.ends()

    t.equal(status, 78)
    t.match(output + errors, join(folder, name))
    t.notMatch(output + errors, /owners-password/)
  })
}
