// A store in LMDB, a database of keys and values in one file (https://www.npmjs.com/package/lmdb). Each commit of the broker is one
// transaction, which is on the disk before it is answered.

import { mkdirSync, statfsSync } from 'node:fs'
import {
  type Change,
  DirectoryLock,
  type Owner,
  type Snapshot,
  type Store,
  type StoredDelivery,
} from 'pondhawk/store-kit'
import { Changes } from './changes.ts'
import { lastOrder, pageOf, snapshotOf } from './snapshot.ts'
import { openTables, placeOf, type Tables } from './tables.ts'

/** With less free space, messages that must be stored are refused, while what makes room continues. */
const RESERVE_BYTES = 64 * 1_048_576
const SPACE_CHECKED_MS = 1_000

interface Opened {
  readonly tables: Tables
  readonly changes: Changes
  readonly lock: DirectoryLock
}

export class LmdbStore implements Store {
  readonly durability = 'fsync'
  readonly #directory: string
  #opened: Opened | null = null
  #recorded: Change[] = []
  /** The outstanding commit, or the last one. */
  #commit: Promise<void> = Promise.resolve()
  #isFull = false
  #checkedAt = -Infinity

  constructor(directory: string) {
    this.#directory = directory
  }

  async open(): Promise<Snapshot> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    // Two processes may open one file of LMDB, but two brokers may not have one state.
    const lock = new DirectoryLock(this.#directory)
    try {
      const tables = openTables(`${this.#directory}/messages.lmdb`)
      const changes = new Changes(tables, lastOrder(tables))
      tables.root.transactionSync(() => changes.forgetBegun())
      this.#opened = { tables, changes, lock }
      return snapshotOf(tables)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  get isFull(): boolean {
    const now = performance.now()
    if (now - this.#checkedAt >= SPACE_CHECKED_MS) {
      const { bavail, bsize } = statfsSync(this.#directory)
      this.#isFull = bavail * bsize < RESERVE_BYTES
      this.#checkedAt = now
    }
    return this.#isFull
  }

  record(change: Change): void {
    this.#recorded.push(change)
  }

  commit(done: (error: Error | null) => void): void {
    const { tables, changes } = this.#open
    const recorded = this.#recorded
    this.#recorded = []
    // A child transaction, because only that is undone as a whole when it throws. The disk is waited for in a thread of LMDB.
    this.#commit = tables.root.childTransaction(() => changes.apply(recorded))
    this.#commit.then(
      () => done(null),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    )
  }

  page(
    owner: Owner,
    after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void {
    const { tables } = this.#open
    this.#commit.then(
      () => done(null, pageOf(tables, placeOf(owner), after)),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), []),
    )
  }

  async close(): Promise<void> {
    if (this.#opened === null) return
    const { tables, lock } = this.#opened
    this.#opened = null
    await this.#commit.catch(() => {})
    await tables.root.close()
    lock.release()
  }

  get #open(): Opened {
    if (this.#opened === null) throw new Error('the store is not open')
    return this.#opened
  }
}
