// Spare files: segments without needed messages, which are reused, because overwriting bytes is faster than making a file
// longer. Their space counts as free.

import type { Disk, DiskFile } from '../disk.ts'

/** How many spare files are kept for reuse. Others are removed. */
const SPARES_MAX = 2
const NAME = /^spare-\d+\.log$/

interface Spare {
  readonly name: string
  readonly bytes: number
}

export class Spares {
  readonly #disk: Disk
  #all: Spare[] = []

  constructor(disk: Disk) {
    this.#disk = disk
  }

  get bytes(): number {
    return this.#all.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Finds the spare files of an earlier run. */
  find(): void {
    const names = this.#disk.list().filter(name => NAME.test(name))
    this.#all = names.map(name => ({ name, bytes: this.#disk.sizeOf(name) }))
  }

  /** Makes a spare file of the file of a segment, or removes it if there are enough. */
  add(name: string, number: number): void {
    if (this.#all.length >= SPARES_MAX) {
      this.#disk.remove(name)
      return
    }
    const spare = { name: `spare-${number}.log`, bytes: this.#disk.sizeOf(name) }
    this.#disk.rename(name, spare.name)
    this.#all.push(spare)
  }

  /** Opens a spare file under a new name. Returns null when there is none. */
  take(name: string): DiskFile | null {
    const [spare] = this.#all
    if (spare === undefined) return null
    // The file is opened first: if that fails, nothing has changed and it can be tried again.
    const file = this.#disk.open(spare.name)
    this.#disk.rename(spare.name, name)
    this.#all.shift()
    return file
  }

  /** Removes all of them, because their space is needed. Returns false when there was none. */
  drop(): boolean {
    if (this.#all.length === 0) return false
    for (const { name } of this.#all) this.#disk.remove(name)
    this.#all = []
    this.#disk.syncNames()
    return true
  }
}
