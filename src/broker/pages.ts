// The queues that wait for a page from the store. The loop takes them and brings the pages in later turns.

import type { PageReader } from '../session/session-context.ts'

const NO_READERS: readonly PageReader[] = []

export class Pages {
  #wanted: PageReader[] = []

  want(reader: PageReader): void {
    this.#wanted.push(reader)
  }

  get areWanted(): boolean {
    return this.#wanted.length > 0
  }

  /** Returns the queues that were added since the last call. */
  takeWanted(): readonly PageReader[] {
    if (this.#wanted.length === 0) return NO_READERS
    const readers = this.#wanted
    this.#wanted = []
    return readers
  }
}
