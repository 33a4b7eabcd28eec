// A disk in a directory of the file system. The directory has mode 0700, its files 0600. Only one process may use it at a time.

import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Disk, type DiskFile, HOLD } from './disk.ts'
import { DirectoryLock, isRunning } from './directory-lock.ts'
import { isOutOfDescriptors, OutOfDescriptors } from './disk-full.ts'
import { inDirectory, makeDirectory, namesIn } from './store-directory.ts'

const FILE_MODE = 0o600
/** The number of reserved descriptors: for the next segment, and for a file that is read meanwhile. */
const RESERVE_DESCRIPTORS = 2

export class FileDisk implements Disk {
  readonly #directory: string
  readonly #lock: DirectoryLock
  readonly #descriptor: number
  /** The reserved descriptors, for times when there is no other. */
  readonly #reserve: number[] = []

  /** Locks the directory, and makes it if necessary. Throws an error with a sentence when another process has it or it cannot be used. */
  constructor(directory: string) {
    makeDirectory(directory)
    namesIn(directory)
    this.#directory = directory
    this.#lock = inDirectory(directory, 'written to', () => new DirectoryLock(directory))
    this.#descriptor = openSync(directory, constants.O_RDONLY)
    this.#fillReserve()
  }

  list(): readonly string[] {
    const names = this.#withDescriptor(() => readdirSync(this.#directory))
    return names.some(name => HOLD.test(name)) ? names.filter(name => this.#isAlive(name)) : names
  }

  open(name: string): DiskFile {
    return this.#withDescriptor(() => new OpenFile(openSync(this.#path(name), constants.O_RDWR)))
  }

  create(name: string): DiskFile {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
    return this.#withDescriptor(() => new OpenFile(openSync(this.#path(name), flags, FILE_MODE)))
  }

  sizeOf(name: string): number {
    return statSync(this.#path(name)).size
  }

  rename(from: string, to: string): void {
    renameSync(this.#path(from), this.#path(to))
  }

  remove(name: string): void {
    unlinkSync(this.#path(name))
  }

  syncNames(): void {
    fsyncSync(this.#descriptor)
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory)
    return bavail * bsize
  }

  /** Unlocks the directory. */
  close(): void {
    for (const descriptor of this.#reserve.splice(0)) closeSync(descriptor)
    closeSync(this.#descriptor)
    this.#lock.release()
  }

  /** Opens something, if necessary with a reserved descriptor. Throws OutOfDescriptors. */
  #withDescriptor<Result>(open: () => Result): Result {
    for (;;) {
      try {
        const result = open()
        this.#fillReserve()
        return result
      } catch (error) {
        if (!isOutOfDescriptors(error)) throw error
        const descriptor = this.#reserve.pop()
        if (descriptor === undefined) throw new OutOfDescriptors(error)
        closeSync(descriptor)
      }
    }
  }

  /** Refills the reserve, as far as descriptors are available. */
  #fillReserve(): void {
    try {
      while (this.#reserve.length < RESERVE_DESCRIPTORS) {
        this.#reserve.push(openSync(this.#directory, constants.O_RDONLY))
      }
    } catch (error) {
      if (!isOutOfDescriptors(error)) throw error
    }
  }

  /** Whether the process of a hold is running. The hold of a process that has ended is removed. */
  #isAlive(name: string): boolean {
    const pid = HOLD.exec(name)?.[1]
    if (pid === undefined || isRunning(Number(pid))) return true
    rmSync(this.#path(name), { force: true })
    return false
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }
}

class OpenFile implements DiskFile {
  readonly #descriptor: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  size(): number {
    return fstatSync(this.#descriptor).size
  }

  read(bytes: Uint8Array, at: number): number {
    let read = 0
    while (read < bytes.length) {
      const count = readSync(this.#descriptor, bytes, read, bytes.length - read, at + read)
      if (count === 0) break
      read += count
    }
    return read
  }

  write(bytes: Uint8Array, at: number): number {
    return writeSync(this.#descriptor, bytes, 0, bytes.length, at)
  }

  truncate(size: number): void {
    ftruncateSync(this.#descriptor, size)
  }

  sync(): void {
    fdatasyncSync(this.#descriptor)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}
