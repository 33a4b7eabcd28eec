// `npm run timing`: whether the time of a refusal tells who is a user. A Welch t test over interleaved logins with wrong passwords, of a
// known and of an unknown name (Reparaz et al., "Dude, is my code constant time?", 2017). For people: a shared machine says little.

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { Credentials } from '../src/access/access.ts'
import { newPbkdf2, newScram } from '../src/access/password/hashing.ts'
import { parsePasswordFile } from '../src/access/password/password-file.ts'
import { formatHash, type PasswordHash } from '../src/access/password/password-hash.ts'
import { UsersAccess } from '../src/access/users-access.ts'
import { croppedAt, welchT } from './welch.ts'

/** Beyond this the two differ, says the paper. */
const T_MAX = 4.5
/** The shares of the fastest that are compared: what a slow moment of the machine adds hides small differences. */
const SHARES = [1, 0.9, 0.5]

const { values } = parseArgs({
  options: {
    attempts: { type: 'string', default: '20000' },
    // A fast hash, so that what is around it shows.
    iterations: { type: 'string', default: '1000' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log('npm run timing -- [--attempts N] [--iterations N]')
  process.exit(0)
}

const password = Buffer.from('secret')
const byPassword = accessWith(newPbkdf2(password, Number(values.iterations)))
const byScram = accessWith(newScram(password, 'sha256', 4_096))
let differs = false
for (const [name, attempt] of [
  ['password in CONNECT', refusedPassword],
  ['first answer of SCRAM', scramAnswer],
] as const) {
  const samples = await measured(Number(values.attempts), attempt)
  for (const share of SHARES) {
    const [known, unknown] = [croppedAt(samples.known, share), croppedAt(samples.unknown, share)]
    const t = welchT(known, unknown)
    differs ||= Math.abs(t) > T_MAX
    console.log(
      `${name}: fastest ${share * 100} % of ${samples.known.length} and ${samples.unknown.length}: medians ${microseconds(known)} and ${microseconds(unknown)} µs, t = ${t.toFixed(2)}`,
    )
  }
}
console.log(
  differs ? `|t| is over ${T_MAX}: they differ` : `|t| is at most ${T_MAX}: no difference`,
)
for (const each of [byPassword, byScram]) await each.close()
process.exitCode = differs ? 1 : 0

function microseconds(sorted: readonly number[]): string {
  return ((sorted[Math.floor(sorted.length / 2)] ?? 0) / 1_000).toFixed(1)
}

/** Hashes of one kind and cost, because the decoy of a name is like that of any user. */
function accessWith(hash: PasswordHash): UsersAccess {
  const names = ['known', ...Array.from({ length: 100 }, (_, index) => `other-${index}`)]
  const text = names.map(name => `${name}:${formatHash(hash)}\n`).join('')
  const users = parsePasswordFile(Buffer.from(text), 'users')
  // Delays after failures are the same for all names, and would hide what is looked for.
  const options = { pause: async () => {}, failedLoginsMax: 1 }
  return new UsersAccess({ users, rules: null, warnings: [] }, 'never', options)
}

function credentialsOf(username: string | null, password: string): Credentials {
  const address = `10.${randomInt(256)}.${randomInt(256)}.1`
  return {
    clientId: 'c',
    username,
    password: Buffer.from(password),
    address,
    transport: 'tcp',
    certificate: null,
  }
}

async function refusedPassword(isKnown: boolean, round: number): Promise<void> {
  await byPassword.authenticate(credentialsOf(isKnown ? 'known' : 'wrong', `guess-${round}`))
}

async function scramAnswer(isKnown: boolean, round: number): Promise<void> {
  const exchange = byScram.beginExchange('SCRAM-SHA-256', credentialsOf(null, ''))
  const data = Buffer.from(`n,,n=${isKnown ? 'known' : 'wrong'},r=nonce${round}`)
  await exchange?.step({ method: 'SCRAM-SHA-256', data })
}

async function measured(
  attempts: number,
  attempt: (isKnown: boolean, round: number) => Promise<void>,
): Promise<{ known: number[]; unknown: number[] }> {
  const samples: { known: number[]; unknown: number[] } = { known: [], unknown: [] }
  // The compiler and the thread for hashes need some before they are at their speed.
  for (let round = 0; round < attempts / 10; round++) await attempt(round % 2 === 0, round)
  for (let round = 0; round < attempts; round++) {
    const isKnown = randomInt(2) === 0
    const begin = process.hrtime.bigint()
    await attempt(isKnown, attempts + round)
    const took = Number(process.hrtime.bigint() - begin)
    samples[isKnown ? 'known' : 'unknown'].push(took)
  }
  return samples
}
