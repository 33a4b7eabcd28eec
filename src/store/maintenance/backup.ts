// Makes a backup of a store, also of one in use. While a `hold` file exists the store frees no file, and the log only
// grows. The backup is verified before it is complete.

import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { isDiskFull } from '../disk-full.ts'
import { FileDisk } from '../file-disk.ts'
import { holdFile, isStoreFile } from '../disk.ts'
import { inDirectory, makeDirectory, namesIn } from '../store-directory.ts'
import { segmentNumber } from '../log/segment-file.ts'
import { figuresOf, type StoreFigures, verify } from './verify.ts'

const TRIES_MAX = 5
const MEBIBYTE = 1_048_576
/** What a copy leaves free on the disk of the store, which grows meanwhile: as much as a broker reserves unless told otherwise. */
const SPARE_BYTES = 64 * MEBIBYTE

/** Copies the store in `from`, which may be in use, to `to`, which must be empty. Throws an error with a sentence. */
export function backUp(from: string, to: string): StoreFigures {
  if (!namesIn(from).some(isStoreFile)) throw new Error(`there is no store in ${from}`)
  const hold = join(from, holdFile(process.pid))
  for (let tries = 1; ; tries++) {
    inDirectory(from, 'written to', () => writeFileSync(hold, '', { mode: 0o600 }))
    try {
      return copyWhole(from, to, SPARE_BYTES)
    } catch (error) {
      // A file may have been freed just before the hold. Then everything is copied again.
      if (tries === TRIES_MAX || error instanceof NotCopied) throw error
    } finally {
      rmSync(hold, { force: true })
    }
  }
}

/** Makes the backup in a thread of its own, which says `done`, or ends with an error. */
export function backUpInThread(from: string, to: string): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const script = new URL(`./backup-thread.${extension}`, import.meta.url)
  return new Worker(script, { workerData: { from, to } })
}

/** Copies a backup to a directory without a store. Throws an error with a sentence. */
export function restoreBackup(from: string, to: string): StoreFigures {
  if (!namesIn(from).some(isStoreFile)) throw new Error(`there is no backup in ${from}`)
  return copyWhole(from, to, 0)
}

/** Another try would not end otherwise. */
class NotCopied extends Error {}

/** The copy gets its final name after it was verified, so an unfinished one is not taken for a store. */
function copyWhole(from: string, to: string, spareBytes: number): StoreFigures {
  const isNew = !existsSync(to)
  makeDirectory(to)
  if (namesIn(to).length > 0) throw new NotCopied(`${to} is not empty`)
  const part = `${resolve(to)}.part`
  inDirectory(to, 'made', () => rmSync(part, { recursive: true, force: true }))
  makeDirectory(part)
  try {
    checkRoom(from, to, spareBytes)
    copyFiles(from, part)
    const figures = checked(part)
    rmSync(to, { recursive: true, force: true })
    renameSync(part, to)
    syncPath(dirname(resolve(to)))
    return figures
  } catch (error) {
    if (isNew) rmSync(to, { recursive: true, force: true })
    if (isDiskFull(error)) throw new NotCopied(`the disk of ${to} is full`, { cause: error })
    throw error
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
}

/** A copy that finds no room would take it from the running broker first. */
function checkRoom(from: string, to: string, spareBytes: number): void {
  const files = namesIn(from).filter(isStoreFile)
  const bytes = files.reduce((sum, name) => sum + statSync(join(from, name)).size, 0)
  const isSameDisk = statSync(from).dev === statSync(to).dev
  const needed = bytes + (isSameDisk ? spareBytes : 0)
  const { bavail, bsize } = statfsSync(to)
  const free = bavail * bsize
  if (free >= needed) return
  const spare = needed > bytes ? ', some of which the broker must keep free' : ''
  const figures = `it needs ${mebibytes(needed)}${spare}, and ${mebibytes(free)} are free`
  throw new NotCopied(`there is no room for a copy in ${to}: ${figures}`)
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / MEBIBYTE)} MiB`
}

function copyFiles(from: string, to: string): void {
  // Checkpoints are copied first, then the log in order. So the copy is the state of one moment.
  let names = namesIn(from).filter(isStoreFile).sort()
  while (names.length > 0) {
    for (const name of names) {
      copyFileSync(join(from, name), join(to, name), constants.COPYFILE_EXCL)
      syncPath(join(to, name))
    }
    // The newest segment may have got a seal meanwhile.
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
