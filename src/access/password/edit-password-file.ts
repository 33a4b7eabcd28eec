// Changes a password file: atomically, readable only by its owner, one change at a time.

import {
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readAccessFile } from '../access-file.ts'
import { newDecoyKeyLine, parsePasswordFile } from './password-file.ts'
import { parseHash } from './password-hash.ts'

const OWNER_ONLY = 0o600
const OTHER_EDIT_MS_MAX = 2_000
const TRIED_EVERY_MS = 20

/** The error when a file cannot be changed, with a sentence. */
export class EditError extends Error {}

type Edit = (text: string) => string

/** Adds the user or replaces its hash. Throws EditError or AccessFileError. */
export async function setUser(
  file: string,
  name: string,
  written: string,
): Promise<'added' | 'changed'> {
  let done: 'added' | 'changed' = 'added'
  await editFile(file, text => {
    const line = lineOf(text, file, name)
    const key = isScram(written) && !hasDecoyKey(text, file) ? newDecoyKeyLine() : ''
    if (line === null) return `${key}${endedLine(text)}${name}:${written}\n`
    done = 'changed'
    return `${key}${withLine(text, line, `${name}:${written}`)}`
  })
  return done
}

/** Throws EditError or AccessFileError. */
export async function removeUser(file: string, name: string): Promise<void> {
  if (!existsSync(file)) throw new EditError(`there is no ${file}`)
  await editFile(file, text => {
    const line = lineOf(text, file, name)
    if (line === null) throw new EditError(`${file} has no user ${JSON.stringify(name)}`)
    return withLine(text, line, null)
  })
}

/** Reads and writes while it holds the lock of the file, so that no other change is lost. Throws EditError. */
export async function editFile(file: string, edit: Edit): Promise<void> {
  const target = existsSync(file) ? realpathSync(file) : resolve(file)
  const temporary = join(dirname(target), `.${basename(target)}.new`)
  const descriptor = await opened(temporary)
  try {
    const text = edit(existsSync(target) ? readAccessFile(target).toString() : '')
    writeFileSync(descriptor, text)
    keepOwner(descriptor, target)
    fsyncSync(descriptor)
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw worded(error, target)
  } finally {
    closeSync(descriptor)
  }
  syncFolder(dirname(target))
}

/** Creates the new file, which is also the lock. */
async function opened(temporary: string): Promise<number> {
  for (let waited = 0; ; waited += TRIED_EVERY_MS) {
    try {
      return openSync(temporary, 'wx', OWNER_ONLY)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw worded(error, temporary)
      if (waited >= OTHER_EDIT_MS_MAX) {
        throw new EditError(
          `${temporary} is there: another change goes on, or one was interrupted. If none goes on, remove it`,
        )
      }
      await sleep(TRIED_EVERY_MS)
    }
  }
}

/** Keeps owner and group, so that a broker of another user can still read the file. */
function keepOwner(descriptor: number, target: string): void {
  fchmodSync(descriptor, OWNER_ONLY)
  const before = statSync(target, { throwIfNoEntry: false })
  if (before === undefined) return
  if (before.uid !== process.getuid?.() || before.gid !== process.getgid?.()) {
    fchownSync(descriptor, before.uid, before.gid)
  }
}

/** Syncs the name of the new file, if the folder can be opened. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function worded(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof EditError || code === undefined || code === 'ERR_ACCESS_FILE') return error
  return new EditError(`${path} cannot be written (${code})`)
}

/** Returns the number of the user's line, or null. A wrong file is refused, not repaired. */
function lineOf(text: string, file: string, name: string): number | null {
  return parsePasswordFile(Buffer.from(text), file).users.get(name)?.line ?? null
}

function isScram(written: string): boolean {
  return parseHash(written).kind === 'scram'
}

function hasDecoyKey(text: string, file: string): boolean {
  return parsePasswordFile(Buffer.from(text), file).decoyKey !== null
}

function withLine(text: string, number: number, replacement: string | null): string {
  const lines = text.split('\n')
  if (replacement === null) lines.splice(number - 1, 1)
  else lines[number - 1] = replacement
  return lines.join('\n')
}

function endedLine(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}
