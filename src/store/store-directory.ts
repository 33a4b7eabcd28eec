// The directory that a store lies in: made if need be. Where it cannot be made or used, a sentence names it and the cause.

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
/** As much of a path as a sentence shows. */
const SHOWN_CHARACTERS_MAX = 300

/**
 * Makes the directory, its parents too, and their names durable as well. Throws a sentence. Each is made by itself:
 * the recursive form of Node never ends where a file system says that a directory which is there is not.
 */
export function makeDirectory(directory: string): void {
  inDirectory(directory, 'made', () => {
    for (const path of missing(resolve(directory))) {
      makeOne(path)
      syncDirectory(dirname(path))
    }
  })
}

/** What the directory has in it. Throws a sentence. */
export function namesIn(directory: string): readonly string[] {
  return inDirectory(directory, 'read', () => readdirSync(directory))
}

/** Does something with the directory, and says in a sentence, with the code of the system, where it may not. */
export function inDirectory<Result>(directory: string, done: string, act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    // It can be used, and is.
    if (error.code === 'ERR_STORE_LOCKED') throw error
    const { code } = error
    const sentence = `${shown(directory)} cannot be ${done} here (${causeOf(error, String(code))})`
    throw Object.assign(new Error(sentence, { cause: error }), { code })
  }
}

/** Makes durable which names the directory has. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Directories on the way that are not there, the outermost first. */
function missing(path: string): readonly string[] {
  const paths: string[] = []
  for (let each = path; !isDirectory(each); each = dirname(each)) paths.unshift(each)
  return paths
}

/** False where nothing is. Throws where something else is. */
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
    // Another process may have made it meanwhile.
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
