// `pondhawk passwd …`: takes the arguments of mosquitto_passwd, for existing scripts.

import { existsSync } from 'node:fs'
import { EditError, editFile } from '../access/edit-file.ts'
import { removeUser, setUser } from '../access/password/edit-password-file.ts'
import { newPbkdf2, newScram, newSha512 } from '../access/password/hashing.ts'
import { nameProblem } from '../access/password/password-file.ts'
import {
  formatHash,
  ITERATIONS,
  ITERATIONS_MAX,
  parseHash,
  SCRAM_ITERATIONS,
  SCRAM_ITERATIONS_MIN,
} from '../access/password/password-hash.ts'
import { askPassword, checkedPassword, scramPassword } from './ask-password.ts'
import type { Words } from './flags.ts'
import type { CommandOutput } from './user-command.ts'
import { usageOf } from './usage-error.ts'

const usage = usageOf('passwd')

type Values = Words['values']

/** As in mosquitto_passwd, flags come first. Words behind the file are a name or a password, even if they begin with `-`. */
export function flagsFirst(args: readonly string[]): readonly string[] {
  let index = 0
  while (args[index]?.startsWith('-') === true && args[index] !== '--' && args[index] !== '-') {
    index += args[index] === '-H' || args[index] === '-I' ? 2 : 1
  }
  return args[index] === '--' ? args : [...args.slice(0, index), '--', ...args.slice(index)]
}

/** Throws UsageError, EditError or AccessFileError. */
export async function passwdCommand({ values, positionals }: Words): Promise<CommandOutput> {
  const { batch, create, delete: remove, upgrade } = values
  const [file, name, password, more] = positionals
  const most = upgrade === true ? 1 : batch === true ? 3 : 2
  if (file === undefined) throw usage('pondhawk passwd needs a FILE.')
  if (more !== undefined || positionals.length > most) {
    throw usage('pondhawk passwd was given too many words.')
  }
  if ([create, remove, upgrade].filter(each => each === true).length > 1) {
    throw usage('-c, -D and -U exclude each other.')
  }
  const hashed = hashingBy(values)
  if (upgrade === true) return upgraded(file, hashed)
  const user = namedUser(name)
  if (remove === true) {
    await removeUser(file, user)
    return { output: '', note: '' }
  }
  if (batch === true && password === undefined) throw usage('-b needs FILE USER PASSWORD.')
  checkPlace(file, create === true)
  const written = hashed(
    password === undefined ? await askPassword(user) : checkedPassword(password),
  )
  if (file === '-') return { output: `${user}:${written}\n`, note: '' }
  await setUser(file, user, written)
  return { output: '', note: '' }
}

/** Replaces plain passwords with hashes. Existing hashes are not changed. */
async function upgraded(
  file: string,
  hashed: (password: string) => string,
): Promise<CommandOutput> {
  if (!existsSync(file)) throw new EditError(`there is no ${file}`)
  let count = 0
  await editFile(file, text => {
    const lines = text.split('\n').map((line, index) => {
      const plain = line.replace(/\r$/, '')
      if (plain.trim() === '' || plain.startsWith('#')) return line
      const colon = plain.indexOf(':')
      const name = plain.slice(0, Math.max(colon, 0)).trim()
      const problem = colon === -1 ? 'expected NAME:PASSWORD' : nameProblem(name)
      if (problem !== null) throw new EditError(`${file}:${index + 1}: ${problem}`)
      const password = plain.slice(colon + 1).trim()
      if (isHash(password)) return line
      count++
      return `${name}:${hashed(checkedPassword(password))}`
    })
    return lines.join('\n')
  })
  return { output: '', note: `${count} passwords were hashed (${file})\n` }
}

function isHash(text: string): boolean {
  try {
    parseHash(text)
    return true
  } catch {
    return false
  }
}

/** `-c` creates a file and never overwrites one, as in mosquitto 2.1. Without it the file must exist. */
function checkPlace(file: string, isNew: boolean): void {
  if (file === '-') {
    if (!isNew) throw usage('- is for -c: it prints the line.')
    return
  }
  const isThere = existsSync(file)
  if (isNew && isThere)
    throw new EditError(
      `${file} is there already, and -c makes a new one. Without -c the user is added`,
    )
  if (!isNew && !isThere) throw new EditError(`there is no ${file}: -c makes it`)
}

function hashingBy(values: Values): (password: string) => string {
  const { hash = 'sha512-pbkdf2', iterations } = values
  const isScram = hash === 'scram-sha-256' || hash === 'scram-sha-512'
  const usual = isScram ? SCRAM_ITERATIONS : ITERATIONS
  const count = iterations === undefined ? usual : Number(iterations)
  if (!Number.isInteger(count) || count < 1 || count > ITERATIONS_MAX) {
    throw usage(`-I: ${String(iterations)} is no number of iterations (1 to ${ITERATIONS_MAX}).`)
  }
  switch (hash) {
    case 'sha512-pbkdf2':
      return password => formatHash(newPbkdf2(Buffer.from(password), count))
    case 'sha512':
      return password => formatHash(newSha512(Buffer.from(password)))
    case 'scram-sha-256':
    case 'scram-sha-512': {
      if (count < SCRAM_ITERATIONS_MIN) {
        throw usage(`-I: SCRAM has ${SCRAM_ITERATIONS_MIN} iterations at least.`)
      }
      const by = hash === 'scram-sha-256' ? 'sha256' : 'sha512'
      return password => formatHash(newScram(Buffer.from(scramPassword(password)), by, count))
    }
    default:
      throw usage(
        `-H: ${String(hash)} is none of sha512-pbkdf2, sha512, scram-sha-256 and scram-sha-512.`,
      )
  }
}

function namedUser(name: string | undefined): string {
  if (name === undefined) throw usage('pondhawk passwd needs a USER.')
  const problem = nameProblem(name)
  if (problem !== null) throw usage(`${JSON.stringify(name)}: ${problem}.`)
  return name
}
