// `pondhawk user …`: edits the users of a mosquitto password file.

import { existsSync } from 'node:fs'
import { readAccessFile } from '../access/access-file.ts'
import { removeUser, setUser } from '../access/password/edit-password-file.ts'
import { newPbkdf2, newScram } from '../access/password/hashing.ts'
import { newPassword } from '../access/password/new-password.ts'
import {
  nameProblem,
  parsePasswordFile,
  type PasswordUser,
} from '../access/password/password-file.ts'
import {
  formatHash,
  isWeak,
  type PasswordHash,
  type ScramDigest,
} from '../access/password/password-hash.ts'
import { askPassword, checkedPassword, scramPassword } from './ask-password.ts'
import type { Words } from './flags.ts'
import { usageOf } from './usage-error.ts'

const usage = usageOf('user')

export const USERS_FILE = 'pondhawk.users'

export interface UsersFile {
  readonly path: string
  /** Whether the configuration names the file. */
  readonly isRead: boolean
}

/** Output for programs goes to standard output, output for people to standard error. */
export interface CommandOutput {
  readonly output: string
  readonly note: string
}

/** Throws UsageError, EditError or AccessFileError. */
export async function userCommand(words: Words, file: UsersFile): Promise<CommandOutput> {
  const said = await obeyed(words, file.path)
  const [verb] = words.positionals
  if (file.isRead || verb !== 'add') return said
  const hint = `The broker asks for it once pondhawk.yaml says access: { usersFile: ${file.path} }\n`
  return { ...said, note: `${said.note}${hint}` }
}

function obeyed(
  { values, positionals }: Words,
  file: string,
): Promise<CommandOutput> | CommandOutput {
  const [verb, name, more] = positionals
  if (more !== undefined)
    throw usage(`pondhawk user ${verb} takes one name, and not ${JSON.stringify(more)}.`)
  switch (verb) {
    case 'add':
      return addUser(file, namedUser(verb, name), values)
    case 'passwd':
      return changePassword(file, namedUser(verb, name), values)
    case 'remove':
      return takeAway(file, namedUser(verb, name))
    case 'list':
      if (name !== undefined) throw usage('pondhawk user list takes no name.')
      return { output: listOf(file, values['json'] === true), note: '' }
    default:
      throw usage('pondhawk user takes one of add, passwd, remove, list.')
  }
}

async function addUser(
  file: string,
  name: string,
  values: Words['values'],
): Promise<CommandOutput> {
  if (usersIn(file).has(name)) {
    throw usage(
      `${file} has a user ${JSON.stringify(name)} already. Another password: pondhawk user passwd ${name}.`,
    )
  }
  const by = values['scram'] === true ? 'sha256' : null
  return saved(file, name, values, { by, what: 'may come in now' })
}

async function changePassword(
  file: string,
  name: string,
  values: Words['values'],
): Promise<CommandOutput> {
  const user = usersIn(file).get(name)
  if (user === undefined) {
    throw usage(
      `${file} has no user ${JSON.stringify(name)}. A new one: pondhawk user add ${name}.`,
    )
  }
  // Whoever logs in by SCRAM goes on with that.
  const kept = user.hash.kind === 'scram' ? user.hash.by : null
  const by = values['scram'] === true ? (kept ?? 'sha256') : kept
  return saved(file, name, values, { by, what: 'has another password now' })
}

interface Saving {
  /** Null for a user who does not log in by SCRAM. */
  readonly by: ScramDigest | null
  readonly what: string
}

async function saved(
  file: string,
  name: string,
  values: Words['values'],
  { by, what }: Saving,
): Promise<CommandOutput> {
  const isGenerated = values['generate'] === true
  const password = await passwordFor(name, values)
  await writeUser(file, name, password, by)
  return { output: isGenerated ? `${password}\n` : '', note: `${name} ${what} (${file})\n` }
}

/** Writes the user with a hash of the password, for SCRAM by this digest or null. Throws EditError or AccessFileError. */
export async function writeUser(
  file: string,
  name: string,
  password: string,
  by: ScramDigest | null = null,
): Promise<void> {
  const hash =
    by === null
      ? newPbkdf2(Buffer.from(password))
      : newScram(Buffer.from(scramPassword(password)), by)
  await setUser(file, name, formatHash(hash))
}

async function takeAway(file: string, name: string): Promise<CommandOutput> {
  await removeUser(file, name)
  return { output: '', note: `${name} is gone (${file})\n` }
}

async function passwordFor(name: string, values: Words['values']): Promise<string> {
  const { password, generate } = values
  if (generate === true && password !== undefined) {
    throw usage('--generate makes a password, and --password gives one: use one of them.')
  }
  if (generate === true) return newPassword()
  return typeof password === 'string' ? checkedPassword(password) : askPassword(name)
}

/** Throws AccessFileError. */
export function usersIn(file: string): ReadonlyMap<string, PasswordUser> {
  if (!existsSync(file)) return new Map()
  return parsePasswordFile(readAccessFile(file), file).users
}

function listOf(file: string, isJson: boolean): string {
  if (!existsSync(file))
    throw usage(`There is no ${file} yet. The first user makes it: pondhawk user add NAME.`)
  const users = [...usersIn(file).values()]
  if (isJson) return users.map(user => `${JSON.stringify(rowOf(user))}\n`).join('')
  const width = users.reduce((most, { name }) => Math.max(most, name.length), 0)
  return users.map(({ name, hash }) => `${name.padEnd(width)}  ${wordsOf(hash)}\n`).join('')
}

/** Without the hash itself. */
function rowOf({ name, hash }: PasswordUser): object {
  return { name, hash: hash.kind, isWeak: isWeak(hash) }
}

function wordsOf(hash: PasswordHash): string {
  const weak = isWeak(hash) ? ' (weak)' : ''
  switch (hash.kind) {
    case 'sha512':
      return `SHA-512, once${weak}`
    case 'pbkdf2':
      return `PBKDF2, ${hash.iterations.toLocaleString('en')} iterations${weak}`
    case 'argon2id':
      return `argon2id, ${hash.memoryKiB.toLocaleString('en')} KiB`
    case 'scram': {
      const name = hash.by === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512'
      return `${name}, ${hash.iterations.toLocaleString('en')} iterations${weak}`
    }
  }
}

function namedUser(verb: string, name: string | undefined): string {
  if (name === undefined)
    throw usage(`pondhawk user ${verb} needs a name: pondhawk user ${verb} NAME.`)
  const problem = nameProblem(name)
  if (problem !== null) throw usage(`${JSON.stringify(name)}: ${problem}.`)
  return name
}
