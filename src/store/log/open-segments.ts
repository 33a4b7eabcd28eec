// The open files of a log. Only so many are open at a time, and fewer when the process has no descriptor left.

import type { Disk } from '../disk.ts'
import { OutOfDescriptors, roomFor } from '../disk-full.ts'
import { type OpenSegment, openSegment } from './segment-file.ts'

const OPEN_FILES_MAX = 16

export class OpenSegments {
  readonly #disk: Disk
  readonly #files = new Map<number, OpenSegment>()
  /** The segment that is written to. It stays open. */
  newest = 0

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Returns an open segment, or opens it. Throws StoreDamaged, and DiskFull without a descriptor. */
  get(number: number): OpenSegment {
    const known = this.#files.get(number)
    if (known !== undefined) return known
    return this.add(
      number,
      this.opening(() => openSegment(this.#disk, number)),
    )
  }

  /** Closes files that are only read if there is no descriptor for a file that must be opened. Throws DiskFull. */
  opening<Result>(open: () => Result): Result {
    try {
      return roomFor(open)
    } catch (error) {
      if (!(error instanceof OutOfDescriptors)) throw error
      for (const number of [...this.#files.keys()]) if (number !== this.newest) this.close(number)
      return roomFor(open)
    }
  }

  add(number: number, opened: OpenSegment): OpenSegment {
    for (const other of this.#files.keys()) {
      if (this.#files.size < OPEN_FILES_MAX) break
      if (other !== this.newest) this.close(other)
    }
    this.#files.set(number, opened)
    return opened
  }

  close(number: number): void {
    this.#files.get(number)?.file.close()
    this.#files.delete(number)
  }

  closeAll(): void {
    for (const number of [...this.#files.keys()]) this.close(number)
  }
}
