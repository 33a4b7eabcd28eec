// One file's bytes: as the process sees them, as they are on stable storage, and what lies between.

import type { Dice } from './dice.ts'

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

  /** The power goes while this syncs. */
  syncSome(dice: Dice): void {
    this.losesPower(dice)
  }

  /** Some of it may have arrived; the rest is visible, but it is nobody's business any more to write it. */
  failsToSync(dice: Dice): void {
    for (const change of this.#unsynced) if (dice.chance(2)) apply(this.#durable, change)
    this.#unsynced = []
  }

  losesPower(dice: Dice): void {
    const keep = KEEPERS[dice.below(KEEPERS.length)]
    keep?.(this.#durable, this.#unsynced, dice)
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

type Keeper = (durable: FileBytes, unsynced: readonly Unsynced[], dice: Dice) => void

/** What a disk may make of that which was not synced. */
const KEEPERS: readonly Keeper[] = [
  // Nothing arrived.
  () => {},
  // All arrived.
  (durable, unsynced) => {
    for (const change of unsynced) apply(durable, change)
  },
  // The first ones arrived, the next one in part.
  (durable, unsynced, dice) => {
    const count = dice.below(unsynced.length + 1)
    for (const change of unsynced.slice(0, count)) apply(durable, change)
    const torn = unsynced[count]
    if (torn !== undefined) applyTorn(durable, torn, dice)
  },
  // Any of them arrived, each in whole, in part or as nothing but a larger size.
  (durable, unsynced, dice) => {
    for (const change of unsynced) {
      if (dice.chance(2)) apply(durable, change)
      else if (dice.chance(3)) applyTorn(durable, change, dice)
    }
  },
]

function apply(durable: FileBytes, change: Unsynced): void {
  if (change.kind === 'truncate') durable.resize(change.size)
  else durable.write(change.bytes, change.at)
}

function applyTorn(durable: FileBytes, change: Unsynced, dice: Dice): void {
  if (change.kind === 'truncate') return
  const { at, bytes } = change
  switch (dice.below(4)) {
    case 0:
      durable.write(bytes.subarray(0, dice.below(bytes.length + 1)), at)
      return
    case 1:
      // The size arrived, the bytes did not.
      if (at + bytes.length > durable.size) durable.resize(at + bytes.length)
      return
    case 2:
      // The same, and what lies there is what somebody else had on the disk before.
      if (at + bytes.length > durable.size) {
        const start = Math.max(at, durable.size)
        durable.write(Buffer.alloc(at + bytes.length - start, 1 + dice.below(255)), start)
      }
      return
    default:
      applySectors(durable, at, bytes, dice)
  }
}

function applySectors(durable: FileBytes, at: number, bytes: Buffer, dice: Dice): void {
  let start = 0
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + SECTOR_BYTES - ((at + start) % SECTOR_BYTES))
    if (dice.chance(2)) durable.write(bytes.subarray(start, end), at + start)
    start = end
  }
}
