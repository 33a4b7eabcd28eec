// Changes the users of a password file.

import { existsSync } from 'node:fs'
import { editFile, EditError, endedLine } from '../edit-file.ts'
import { newDecoyKeyLine, parsePasswordFile } from './password-file.ts'
import { parseHash } from './password-hash.ts'

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

/** Adds a user that is not there. Throws EditError or AccessFileError. */
export async function addUser(file: string, name: string, written: string): Promise<void> {
  await editFile(file, text => {
    if (lineOf(text, file, name) === null) return `${endedLine(text)}${name}:${written}\n`
    throw new EditError(`${file} has a user ${JSON.stringify(name)} by now`)
  })
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
