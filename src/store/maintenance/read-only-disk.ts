// A disk that is only read. Writes to it are discarded.

import type { Disk, DiskFile } from '../disk.ts'

export class ReadOnlyDisk implements Disk {
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
  }

  list(): readonly string[] {
    return this.#disk.list()
  }

  open(name: string): DiskFile {
    const file = this.#disk.open(name)
    return {
      size: () => file.size(),
      read: (bytes, at) => file.read(bytes, at),
      write: bytes => bytes.length,
      truncate: () => {},
      sync: () => {},
      close: () => file.close(),
    }
  }

  create(name: string): DiskFile {
    throw new Error(`there is no store here: ${name} would have to be made`)
  }

  sizeOf(name: string): number {
    return this.#disk.sizeOf(name)
  }

  rename(): void {}

  remove(): void {}

  syncNames(): void {}

  freeBytes(): number {
    return this.#disk.freeBytes()
  }
}
