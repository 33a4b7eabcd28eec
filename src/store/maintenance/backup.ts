// A copy of a store, also of one that is in use: while a `hold` file is there the store lets go of no file, and the
// log only grows. The copy is read whole before it counts as one.

import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { FileDisk } from '../file-disk.ts'
import { isStoreFile } from '../disk.ts'
import { inDirectory, makeDirectory, namesIn } from '../store-directory.ts'
import { segmentNumber } from '../log/segment-file.ts'
import { figuresOf, type StoreFigures, verify } from './verify.ts'

const TRIES_MAX = 5

/** Copies the store in `from`, which may be open elsewhere, to `to`, which must be empty. Throws a sentence. */
export function backUp(from: string, to: string): StoreFigures {
  if (!namesIn(from).some(isStoreFile)) throw new Error(`there is no store in ${from}`)
  const hold = join(from, `hold-${process.pid}`)
  for (let tries = 1; ; tries++) {
    inDirectory(from, 'written to', () => writeFileSync(hold, '', { mode: 0o600 }))
    try {
      return copyWhole(from, to)
    } catch (error) {
      // A file may have been let go of just before it was held: then all is copied anew.
      if (tries === TRIES_MAX || error instanceof NotEmpty) throw error
    } finally {
      rmSync(hold, { force: true })
    }
  }
}

/** Copies a backup to a directory that has no store yet. Throws a sentence. */
export function restoreBackup(from: string, to: string): StoreFigures {
  if (!namesIn(from).some(isStoreFile)) throw new Error(`there is no backup in ${from}`)
  return copyWhole(from, to)
}

class NotEmpty extends Error {}

/** The copy gets its name when it was read and found whole: what is left of an unfinished one is no store. */
function copyWhole(from: string, to: string): StoreFigures {
  makeDirectory(to)
  if (namesIn(to).length > 0) throw new NotEmpty(`${to} is not empty`)
  const part = `${resolve(to)}.part`
  inDirectory(to, 'made', () => rmSync(part, { recursive: true, force: true }))
  makeDirectory(part)
  try {
    copyFiles(from, part)
    const figures = checked(part)
    rmSync(to, { recursive: true, force: true })
    renameSync(part, to)
    syncPath(dirname(resolve(to)))
    return figures
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
}

function copyFiles(from: string, to: string): void {
  // Checkpoints first, then the log in its order: what is copied is the store as it was at one moment.
  let names = namesIn(from).filter(isStoreFile).sort()
  while (names.length > 0) {
    for (const name of names) {
      copyFileSync(join(from, name), join(to, name), constants.COPYFILE_EXCL)
      syncPath(join(to, name))
    }
    // The end of the newest segment may say by now that another one follows.
    const newest = segmentNumber(names.findLast(name => segmentNumber(name) !== null) ?? '') ?? 0
    names = namesIn(from).filter(name => (segmentNumber(name) ?? 0) > newest)
    names.sort()
  }
  syncPath(to)
}

function checked(directory: string): StoreFigures {
  const disk = new FileDisk(directory)
  try {
    verify(disk)
    return figuresOf(disk)
  } finally {
    disk.close()
  }
}

function syncPath(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY)
  fsyncSync(descriptor)
  closeSync(descriptor)
}
