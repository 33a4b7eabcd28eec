// The port to a directory of files: what the log needs of a disk. Every call is done when it returns and throws an
// error with a `code` (ENOSPC, EIO, EMFILE) when it failed. Names are plain, without folders.
// The simulator's disk implements it as well, and loses what was not synced.

/** A file that whoever makes a copy leaves for as long as that takes, with the id of its process. */
export const HOLD: RegExp = /^hold-(\d+)$/

const STORE_FILE = /^(?:segment-\d+\.log|checkpoint-\d+|clock)$/

/** Files that a copy of a store has. */
export function isStoreFile(name: string): boolean {
  return STORE_FILE.test(name)
}

export interface Disk {
  list(): readonly string[]
  /** Opens a file that is there. */
  open(name: string): DiskFile
  /** Makes a file that is not there yet. Its name is durable after `syncNames`. */
  create(name: string): DiskFile
  /** Bytes of a file that is there. */
  sizeOf(name: string): number
  /** Takes the place of a file of the new name, if there is one. */
  rename(from: string, to: string): void
  remove(name: string): void
  /** Makes durable which names there are: files created, renamed and removed. */
  syncNames(): void
  /** Bytes that can still be written to new places. */
  freeBytes(): number
}

export interface DiskFile {
  size(): number
  /** Reads into all of `bytes`, or as far as the file goes. Returns how many bytes that were. */
  read(bytes: Uint8Array, at: number): number
  /** Returns how many bytes were taken, which may be fewer than were given. */
  write(bytes: Uint8Array, at: number): number
  truncate(size: number): void
  /** Bytes and size are on stable storage when this returns: `fdatasync`. A failure must not be tried again. */
  sync(): void
  close(): void
}
