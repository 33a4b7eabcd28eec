// How long a login waits while others guess. Hashes are counted, not milliseconds: positions in the queue are the same on every machine.

import { test } from 'tap'
import { newPbkdf2 } from '../../../src/access/password/hashing.ts'
import { parsePasswordFile } from '../../../src/access/password/password-file.ts'
import { formatHash } from '../../../src/access/password/password-hash.ts'
import { PasswordUsers } from '../../../src/access/password/password-users.ts'

const GUESSES = 200
/** Enough that guesses still wait when the login comes. */
const ITERATIONS = 20_000

/** Users whose delays after failures take no time, so that every guess is in the queue for hashes at once. */
function usersWith(): PasswordUsers {
  const hash = formatHash(newPbkdf2(Buffer.from('secret'), ITERATIONS))
  const file = parsePasswordFile(Buffer.from(`owner:${hash}\nvictim:${hash}\n`), 'users')
  return new PasswordUsers(file, { pause: async () => {} })
}

/** Guesses from so many addresses, of which each uses many names, because attempts at one name wait for each other. */
function flood(users: PasswordUsers, addresses: number): readonly Promise<unknown>[] {
  return Array.from({ length: GUESSES }, async (_, index) =>
    users.check(`name-${index}`, Buffer.from(`guess-${index}`), `10.0.${index % addresses}.1`),
  )
}

/** Every guess waits for its hash, except those that have had it. */
async function queueIsFull(users: PasswordUsers, hashedBefore = 0): Promise<void> {
  const arrived = (): number => users.worker.queued + users.worker.hashed - hashedBefore
  while (arrived() < GUESSES - 1) await new Promise(settle => setImmediate(settle))
}

interface Wait {
  readonly answer: unknown
  readonly hashes: number
  /** How many guesses were before it. */
  readonly waiting: number
}

/** Logs in while others guess. Returns how many hashes were computed from its arrival to its answer, its own among them. */
async function hashesUntilAnswer(addresses: number): Promise<Wait> {
  const users = usersWith()
  const guesses = flood(users, addresses)
  await queueIsFull(users)
  const before = users.worker.hashed
  const waiting = users.worker.queued
  const answer = await users.check('owner', Buffer.from('secret'), '10.9.9.9')
  const hashes = users.worker.hashed - before
  await users.close()
  await Promise.all(guesses)
  return { answer, hashes, waiting }
}

test('two hundred guesses of one address delay a login of another by two hashes at most', async t => {
  const { answer, hashes, waiting } = await hashesUntilAnswer(1)

  t.equal(answer, 'right')
  t.ok(waiting > GUESSES / 2, `${waiting} guesses wait`)
  t.ok(hashes <= 1 + 2, `${hashes} hashes: the one in work, one of the attacker, its own`)
})

test('guesses of ten addresses delay it by one hash for each of them, however many they are', async t => {
  const { answer, hashes, waiting } = await hashesUntilAnswer(10)

  t.equal(answer, 'right')
  t.ok(waiting > GUESSES / 2, `${waiting} guesses wait`)
  t.ok(hashes <= 1 + 10 + 1, `${hashes} hashes`)
})

test('a login that was verified before waits for no hash at all', async t => {
  const users = usersWith()
  await users.check('owner', Buffer.from('secret'), '10.9.9.9')
  const guesses = flood(users, 1)
  await queueIsFull(users, 1)
  const before = users.worker.hashed

  t.equal(users.check('owner', Buffer.from('secret'), '10.9.9.9'), 'right', 'at once')

  t.equal(users.worker.hashed, before)
  await users.close()
  await Promise.all(guesses)
})

test('when the queue is full the attacker loses a place to the login', async t => {
  const hash = formatHash(newPbkdf2(Buffer.from('secret'), ITERATIONS))
  const users = new PasswordUsers(parsePasswordFile(Buffer.from(`owner:${hash}\n`), 'users'), {
    pause: async () => {},
    hashesQueuedMax: 50,
  })
  const guesses = flood(users, 1)
  while (users.worker.refused === 0) await new Promise(settle => setImmediate(settle))

  t.equal(await users.check('owner', Buffer.from('secret'), '10.9.9.9'), 'right')

  const answers = new Set(await Promise.all(guesses))
  t.strictSame(answers, new Set(['wrong', 'busy']))
  await users.close()
})
