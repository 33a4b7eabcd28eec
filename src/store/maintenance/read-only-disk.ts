// A disk that is only read. Writes to it are discarded.

import { type Disk, type DiskFile, holdFile } from '../disk.ts'

export class ReadOnlyDisk implements Disk {
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** With a hold file, so that the log frees nothing: a file that was removed would be listed again, for ever. */
  list(): readonly string[] {
    return [...this.#disk.list(), holdFile(0)]
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
