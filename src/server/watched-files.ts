// Files that are looked at from time to time. When they have changed, and have stayed the same for a while, they are read anew.

import { statSync, unwatchFile, watchFile } from 'node:fs'

/** How often the files are checked, and how long they must be unchanged before they are read, because a write may be in progress. */
const LOOKED_AT_EVERY_MS = 250
const SETTLED_AFTER_MS = 200

export class WatchedFiles {
  readonly #files: readonly string[]
  readonly #read: () => void
  readonly #changed = (): void => this.#settle()
  #settled: NodeJS.Timeout | undefined
  /** The state of the files when they were last read. */
  #readState = ''

  constructor(files: readonly string[], read: () => void) {
    this.#files = files
    this.#read = read
  }

  /** Must be called before the files are read. */
  noteState(): void {
    this.#readState = this.#stateNow()
  }

  start(): void {
    for (const file of this.#files) {
      watchFile(file, { interval: LOOKED_AT_EVERY_MS, persistent: false }, this.#changed)
    }
    // Watching does not report a change that was made while the broker started.
    this.#settle()
  }

  close(): void {
    clearTimeout(this.#settled)
    for (const file of this.#files) unwatchFile(file, this.#changed)
  }

  #stateNow(): string {
    return this.#files.map(stateOf).join()
  }

  #settle(): void {
    clearTimeout(this.#settled)
    const seen = this.#stateNow()
    this.#settled = setTimeout(() => {
      const state = this.#stateNow()
      if (state !== seen) this.#settle()
      // A signal may have had them read meanwhile.
      else if (state !== this.#readState) this.#read()
    }, SETTLED_AFTER_MS).unref()
  }
}

function stateOf(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(file)
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    // Reading it says why.
    return 'none'
  }
}
