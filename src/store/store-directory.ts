// The directory of a store. It is made if necessary. If it cannot be made or used, the error names it and the cause.

import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'

const DIRECTORY_MODE = 0o700
/** The longest path that an error shows in full. */
const SHOWN_CHARACTERS_MAX = 300

/**
 * Makes the directory and its parents, and makes their names durable. Throws an error with a sentence. Each one is made separately,
 * because Node's recursive form never ends if a file system reports an existing directory as missing.
 */
export function makeDirectory(directory: string): void {
  inDirectory(directory, 'made', () => {
    for (const path of missing(resolve(directory))) {
      makeOne(path)
      syncDirectory(dirname(path))
    }
  })
}

/** Returns the names in the directory. Throws an error with a sentence. */
export function namesIn(directory: string): readonly string[] {
  return inDirectory(directory, 'read', () => readdirSync(directory))
}

/** Does something with the directory. If it fails, throws an error with a sentence and the code of the system. */
export function inDirectory<Result>(directory: string, done: string, act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    // The directory cannot be synced, but it can be used.
    if (error.code === 'ERR_STORE_LOCKED') throw error
    const { code } = error
    const sentence = `${shown(directory)} cannot be ${done} here (${causeOf(error, String(code))})`
    throw Object.assign(new Error(sentence, { cause: error }), { code })
  }
}

/** Makes the names in the directory durable. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Returns the missing directories of the path, outermost first. */
function missing(path: string): readonly string[] {
  const paths: string[] = []
  for (let each = path; !isDirectory(each); each = dirname(each)) paths.unshift(each)
  return paths
}

/** Returns false if nothing exists there. Throws if it is not a directory. */
function isDirectory(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return false
  if (found.isDirectory()) return true
  throw new InTheWay(`${shown(path)} is in the way, which is no directory`)
}

function makeOne(path: string): void {
  try {
    mkdirSync(path, DIRECTORY_MODE)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    // Another process may have made it.
    if (isDirectory(path)) return
    throw new InTheWay(`${shown(path)} is a symbolic link that leads nowhere`)
  }
}

class InTheWay extends Error {
  readonly code = 'ENOTDIR'
}

function causeOf(error: Error, code: string): string {
  if (error instanceof InTheWay) return error.message
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'no permission'
    case 'EROFS':
      return 'its file system is read-only'
    case 'ENOENT':
      return 'there is no such directory, or its file system takes none'
    case 'ENOTDIR':
      return 'something on the way to it is no directory'
    case 'ELOOP':
      return 'symbolic links on the way to it lead in a circle'
    case 'ENAMETOOLONG':
      return 'the path, or a name in it, is too long'
    case 'ENOSPC':
    case 'EDQUOT':
      return 'its disk is full'
    default:
      return error.message
  }
}

function shown(path: string): string {
  return path.length <= SHOWN_CHARACTERS_MAX ? path : `${path.slice(0, SHOWN_CHARACTERS_MAX)}…`
}
