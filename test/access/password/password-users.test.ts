// Logins: what is right, what costs as much, who waits, and who never does.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import { FailedLogins } from '../../../src/access/password/failed-logins.ts'
import { HashWorker } from '../../../src/access/password/hash-worker.ts'
import { newPbkdf2 } from '../../../src/access/password/hashing.ts'
import { parsePasswordFile, type PasswordFile } from '../../../src/access/password/password-file.ts'
import { formatHash, parseHash } from '../../../src/access/password/password-hash.ts'
import { type PasswordBounds, PasswordUsers } from '../../../src/access/password/password-users.ts'
import { TRIES_WAITING_MAX } from '../../../src/access/password/tries-in-turn.ts'

const ITERATIONS = 1_000

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

function heapNow(): number {
  gc()
  return process.memoryUsage().heapUsed
}

function fileOf(users: Readonly<Record<string, string>>): PasswordFile {
  const lines = Object.entries(users).map(
    ([name, password]) => `${name}:${formatHash(newPbkdf2(Buffer.from(password), ITERATIONS))}`,
  )
  return parsePasswordFile(Buffer.from(lines.join('\n')), 'users')
}

/** Users, a clock that the test moves, and the pauses that were made. */
function usersWith(users: Readonly<Record<string, string>>, bounds: PasswordBounds = {}) {
  const pauses: number[] = []
  const clock = { now: 0 }
  const checked = new PasswordUsers(fileOf(users), {
    now: () => clock.now,
    pause: async milliseconds => {
      pauses.push(milliseconds)
      clock.now += milliseconds
    },
    ...bounds,
  })
  const login = (name: string, password: string, address = '10.0.0.1') =>
    checked.check(name, Buffer.from(password), address)
  /** The answer, whether it comes at once or not. */
  const answered = async (name: string, password: string, address?: string) =>
    login(name, password, address)
  return { checked, login, answered, pauses, clock }
}

test('the right password is right, and then costs no hash until the file has another', async t => {
  const { checked, login } = usersWith({ alice: 'secret', __proto__: 'x' })

  t.equal(await login('alice', 'secret'), 'right')
  t.equal(await login('alice', 'wrong'), 'wrong')
  t.equal(await login('nobody', 'secret'), 'wrong')
  t.equal(await login('constructor', 'secret'), 'wrong')
  t.equal(await login('alice', ''), 'wrong')
  t.equal(checked.worker.hashed, 5)
  t.equal(login('alice', 'secret'), 'right', 'at once')
  t.equal(checked.verified.hits, 1)

  checked.directory.replace(fileOf({ alice: 'other' }))
  t.equal(await login('alice', 'secret'), 'wrong')
  t.equal(await login('alice', 'other'), 'right')
  checked.directory.replace(fileOf({}))
  t.equal(await login('alice', 'other'), 'wrong')
  await checked.close()
})

test('a fleet with one password that comes all at once costs one hash', async t => {
  const { checked, answered } = usersWith({ fleet: 'secret' })

  const answers = await Promise.all(Array.from({ length: 500 }, () => answered('fleet', 'secret')))

  t.strictSame(new Set(answers), new Set(['right']))
  t.equal(checked.worker.hashed, 1)
  await checked.close()
})

test('after three failures the next try waits, longer each time, and a right one ends it', async t => {
  const { checked, login, pauses } = usersWith({ alice: 'secret' })

  for (let count = 0; count < 9; count++) await login('alice', `wrong ${count}`)
  t.strictSame(pauses, [250, 500, 1_000, 2_000, 2_000, 2_000])
  t.equal(await login('alice', 'secret'), 'right')
  await login('alice', 'wrong again')

  t.equal(pauses.length, 7)
  t.equal(checked.attempts.slowed, 7)
  await checked.close()
})

test('guesses from another address never delay the owner, nor do those from the same address after a verified login', async t => {
  const { checked, login, pauses } = usersWith({ alice: 'secret' })
  for (let count = 0; count < 12; count++) await login('alice', `wrong ${count}`, '10.6.6.6')
  const before = pauses.length

  t.equal(await login('alice', 'secret', '10.0.0.1'), 'right')
  t.equal(pauses.length, before, 'another address')
  t.equal(login('alice', 'secret', '10.6.6.6'), 'right', 'at once, from the same address')
  await checked.close()
})

test('failures are removed after ten minutes without one', async t => {
  const { checked, login, pauses, clock } = usersWith({ alice: 'secret' })
  for (let count = 0; count < 5; count++) await login('alice', `wrong ${count}`)
  t.equal(pauses.length, 2)

  clock.now += 600_001
  for (let count = 0; count < 3; count++) await login('alice', `wrong ${count}`)

  t.equal(pauses.length, 2)
  await checked.close()
})

test('one password tried with many names delays the address, and an IPv6 network counts as one address', async t => {
  const { checked, login, pauses } = usersWith({ alice: 'secret' })

  for (let count = 0; count < 22; count++) await login(`user ${count}`, 'secret', `fd00::${count}`)

  t.strictSame(pauses, [50, 100])
  await checked.close()
})

test('tries of one user from one address are made one after the other, and few may wait', async t => {
  const { checked, answered } = usersWith({ alice: 'secret' })

  const answers = await Promise.all(
    Array.from({ length: TRIES_WAITING_MAX + 5 }, (_, count) =>
      answered('alice', `wrong ${count}`),
    ),
  )

  t.equal(answers.filter(each => each === 'wrong').length, TRIES_WAITING_MAX)
  t.equal(answers.filter(each => each === 'busy').length, 5)
  t.equal(checked.attempts.tries.turnedAway, 5)
  await checked.close()
})

test('a full queue refuses, and the address with the most entries makes room for others', async t => {
  const { checked, answered } = usersWith({ alice: 'secret' }, { hashesQueuedMax: 10 })

  const flood = Array.from({ length: 30 }, (_, count) => answered(`user ${count}`, 'x', '10.6.6.6'))
  const owner = answered('alice', 'secret', '10.0.0.1')

  t.equal(await owner, 'right')
  const answers = await Promise.all(flood)
  t.equal(answers.filter(each => each === 'wrong').length, 10)
  t.equal(checked.worker.refused, 20)
  await checked.close()
})

test('caches of logins have bounds', async t => {
  const bounds = { verifiedMax: 2, failedLoginsMax: 4 }
  const { checked, login } = usersWith({ a: '1', b: '2', c: '3' }, bounds)

  for (const [name, password] of [
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ] as const) {
    t.equal(await login(name, password), 'right')
  }
  for (let count = 0; count < 6; count++) await login(`user ${count}`, 'x', `10.0.0.${count}`)

  t.equal(checked.verified.size, 2)
  t.equal(checked.verified.evicted, 1)
  t.equal(checked.attempts.failures.size, 4)
  t.equal(checked.attempts.failures.forgotten, 8)
  await checked.close()
})

test('names of 64 KiB cost failed logins no more memory than short ones', async t => {
  const failures = new FailedLogins()
  const before = heapNow()

  for (let count = 0; count < 1_000; count++) {
    failures.fail(Buffer.alloc(65_000, `${count} `).toString(), '10.0.0.1', 0)
  }

  t.equal(failures.size, 1_001)
  t.ok(heapNow() - before < 10_000_000, 'and not 65 MB')
})

test('a closed thread lets nobody in, and keeps nobody waiting', async t => {
  const { checked, login } = usersWith({ alice: 'secret' })
  const asked = login('alice', 'secret')
  await checked.close()

  t.equal(await asked, 'failed')
  t.equal(await login('alice', 'secret'), 'failed')
})

test('a hash that fails lets nobody in, and a thread that ends is started again', async t => {
  const worker = new HashWorker()
  const good = formatHash(newPbkdf2(Buffer.from('secret'), 1))

  t.equal(await worker.verify('no hash at all', Buffer.from('x'), ''), 'failed')
  t.equal(await worker.verify(good, Buffer.from('secret'), ''), 'matches')
  await worker.close()
})

test('a name that nobody has costs a hash like those of the users, the same one each time', async t => {
  const { checked, login } = usersWith({ alice: 'secret' })
  const made: string[] = []
  const verify = checked.worker.verify.bind(checked.worker)
  checked.worker.verify = (written, password, sender) => {
    made.push(written)
    return verify(written, password, sender)
  }

  t.equal(await login('nobody', 'secret'), 'wrong')
  t.equal(await login('nobody', 'another'), 'wrong')
  checked.directory.replace(fileOf({}))
  t.equal(await login('nobody', 'secret'), 'wrong')

  const [first = '', second, empty = ''] = made
  t.match(parseHash(first), { kind: 'pbkdf2', iterations: ITERATIONS })
  t.equal(second, first)
  t.match(parseHash(empty), { kind: 'pbkdf2', iterations: 210_000 })
  await checked.close()
})
