// A store whose log lies in a stream of NATS JetStream. What it consists of is loaded when it is opened.

import { DirectoryLock } from '../directory-lock.ts'
import type { Change } from '../change.ts'
import type { LoggedLedgerOptions } from '../logged-ledger.ts'
import type { Owner } from '../owner.ts'
import type { Durability, Snapshot, Store, StoredDelivery } from '../store.ts'
import { inDirectory, makeDirectory, namesIn } from '../store-directory.ts'
import type { openJetStream } from './open-jetstream.ts'
import type { JetStreamLogOptions } from './stream-opening.ts'

export interface JetStreamStoreOptions extends JetStreamLogOptions, LoggedLedgerOptions {
  /** For what a broker keeps besides; it is made and locked. Null for none. */
  readonly directory: string | null
}

const SEGMENT = /^segment-\d+\.log$/

export class JetStreamStore implements Store {
  readonly #options: JetStreamStoreOptions
  #opened: ReturnType<typeof openJetStream> | null = null
  #lock: DirectoryLock | null = null

  constructor(options: JetStreamStoreOptions) {
    this.#options = options
  }

  /** What is known of it when the store is open. */
  get durability(): Durability {
    return this.#opened?.store.durability ?? 'os'
  }

  get isFull(): boolean {
    return this.#opened?.store.isFull ?? false
  }

  /** Messages that were looked up, because their answer was lost or said no at first. */
  get lookUps(): number {
    return this.#opened?.log.lookUps ?? 0
  }

  async open(): Promise<Snapshot> {
    const { directory } = this.#options
    if (directory !== null) this.#lock = locked(directory)
    try {
      const parts = await import('./open-jetstream.ts')
      this.#opened = parts.openJetStream(this.#options)
      return await this.#opened.store.open()
    } catch (error) {
      this.#unlock()
      throw error
    }
  }

  record(change: Change): void {
    this.#opened?.store.record(change)
  }

  commit(done: (error: Error | null) => void): void {
    this.#opened?.store.commit(done)
  }

  page(
    owner: Owner,
    after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void {
    this.#opened?.store.page(owner, after, done)
  }

  async close(): Promise<void> {
    await this.#opened?.store.close()
    this.#unlock()
  }

  #unlock(): void {
    this.#lock?.release()
    this.#lock = null
  }
}

function locked(directory: string): DirectoryLock {
  makeDirectory(directory)
  if (namesIn(directory).some(name => SEGMENT.test(name))) {
    throw new Error(
      `${directory} has a store in files, which one in JetStream would leave behind: choose another store.directory`,
    )
  }
  return inDirectory(directory, 'written to', () => new DirectoryLock(directory))
}
