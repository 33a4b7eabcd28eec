// The port to a directory of files, as the log uses it. Every call is synchronous and throws an error with a `code` (ENOSPC,
// EIO, EMFILE) when it fails. Names have no folders. The simulator has another implementation, which loses writes
// that were not synced.

/** The name of a hold file: a process that makes a backup keeps it there meanwhile. It contains the process id. */
export const HOLD: RegExp = /^hold-(\d+)$/

export function holdFile(processId: number): string {
  return `hold-${processId}`
}

const STORE_FILE = /^(?:segment-\d+\.log|checkpoint-\d+|clock)$/

/** Whether a backup of a store contains the file. */
export function isStoreFile(name: string): boolean {
  return STORE_FILE.test(name)
}

export interface Disk {
  list(): readonly string[]
  /** Opens an existing file. */
  open(name: string): DiskFile
  /** Creates a file. Its name is durable after `syncNames`. */
  create(name: string): DiskFile
  /** Returns the size of an existing file. */
  sizeOf(name: string): number
  /** Renames a file. It replaces a file with the new name, if there is one. */
  rename(from: string, to: string): void
  remove(name: string): void
  /** Makes all created, renamed and removed names durable. */
  syncNames(): void
  /** Returns the free space in bytes. */
  freeBytes(): number
}

export interface DiskFile {
  size(): number
  /** Reads until `bytes` is full or the file ends. Returns how many bytes were read. */
  read(bytes: Uint8Array, at: number): number
  /** Writes. Returns how many bytes were written, which may be fewer than were given. */
  write(bytes: Uint8Array, at: number): number
  truncate(size: number): void
  /** Syncs bytes and size to stable storage (`fdatasync`). After a failure it must not be tried again. */
  sync(): void
  close(): void
}
