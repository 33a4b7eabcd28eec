// The bytes of one file: as the process sees them, as they are on stable storage, and the writes in between.

import type { Random } from './random.ts'

const SECTOR_BYTES = 512

class FileBytes {
  size = 0
  #buffer = Buffer.alloc(0)

  view(): Buffer {
    return this.#buffer.subarray(0, this.size)
  }

  read(into: Uint8Array, at: number): number {
    const part = this.#buffer.subarray(
      Math.min(at, this.size),
      Math.min(at + into.length, this.size),
    )
    into.set(part)
    return part.length
  }

  write(bytes: Uint8Array, at: number): void {
    const end = at + bytes.length
    if (end > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(end, 2 * this.#buffer.length, SECTOR_BYTES))
      larger.set(this.view())
      this.#buffer = larger
    }
    this.#buffer.set(bytes, at)
    this.size = Math.max(this.size, end)
  }

  resize(size: number): void {
    if (size > this.size) this.write(Buffer.alloc(size - this.size), this.size)
    else this.#buffer.fill(0, size, this.size)
    this.size = size
  }

  takes(other: FileBytes): void {
    this.#buffer = Buffer.from(other.view())
    this.size = other.size
  }
}

type Unsynced =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number }

export class Inode {
  readonly current: FileBytes = new FileBytes()
  readonly #durable = new FileBytes()
  #unsynced: Unsynced[] = []

  write(bytes: Uint8Array, at: number): void {
    this.current.write(bytes, at)
    this.#unsynced.push({ kind: 'write', at, bytes: Buffer.from(bytes) })
  }

  truncate(size: number): void {
    this.current.resize(size)
    this.#unsynced.push({ kind: 'truncate', size })
  }

  sync(): void {
    for (const change of this.#unsynced) apply(this.#durable, change)
    this.#unsynced = []
  }

  /** Cuts the power during a sync of this file. */
  syncSome(random: Random): void {
    this.losesPower(random)
  }

  /** Some of it may be on the disk. The process still sees the rest, but the system will not write it any more. */
  failsToSync(random: Random): void {
    for (const change of this.#unsynced) if (random.chance(2)) apply(this.#durable, change)
    this.#unsynced = []
  }

  losesPower(random: Random): void {
    const keep = KEEPERS[random.below(KEEPERS.length)]
    keep?.(this.#durable, this.#unsynced, random)
    this.#unsynced = []
    this.current.takes(this.#durable)
  }

  twin(): Inode {
    const twin = new Inode()
    twin.current.takes(this.current)
    twin.#durable.takes(this.current)
    return twin
  }
}

type Keeper = (durable: FileBytes, unsynced: readonly Unsynced[], random: Random) => void

/** What a disk may keep of writes that were not synced. */
const KEEPERS: readonly Keeper[] = [
  // None of them.
  () => {},
  // All of them.
  (durable, unsynced) => {
    for (const change of unsynced) apply(durable, change)
  },
  // The first ones, and a part of the next one.
  (durable, unsynced, random) => {
    const count = random.below(unsynced.length + 1)
    for (const change of unsynced.slice(0, count)) apply(durable, change)
    const torn = unsynced[count]
    if (torn !== undefined) applyTorn(durable, torn, random)
  },
  // Any of them, each in whole, in part, or only as a larger file size.
  (durable, unsynced, random) => {
    for (const change of unsynced) {
      if (random.chance(2)) apply(durable, change)
      else if (random.chance(3)) applyTorn(durable, change, random)
    }
  },
]

function apply(durable: FileBytes, change: Unsynced): void {
  if (change.kind === 'truncate') durable.resize(change.size)
  else durable.write(change.bytes, change.at)
}

function applyTorn(durable: FileBytes, change: Unsynced, random: Random): void {
  if (change.kind === 'truncate') return
  const { at, bytes } = change
  switch (random.below(4)) {
    case 0:
      durable.write(bytes.subarray(0, random.below(bytes.length + 1)), at)
      return
    case 1:
      // The new size is on the disk, the bytes are not.
      if (at + bytes.length > durable.size) durable.resize(at + bytes.length)
      return
    case 2:
      // The same, and the file shows old bytes of another file.
      if (at + bytes.length > durable.size) {
        const start = Math.max(at, durable.size)
        durable.write(Buffer.alloc(at + bytes.length - start, 1 + random.below(255)), start)
      }
      return
    default:
      applySectors(durable, at, bytes, random)
  }
}

function applySectors(durable: FileBytes, at: number, bytes: Buffer, random: Random): void {
  let start = 0
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + SECTOR_BYTES - ((at + start) % SECTOR_BYTES))
    if (random.chance(2)) durable.write(bytes.subarray(start, end), at + start)
    start = end
  }
}
