import { test } from 'tap'
import type { Change, Owner } from '../../src/store/change.ts'
import { FileDisk } from '../../src/store/file-disk.ts'
import { LogStore, type LogStoreOptions } from '../../src/store/log/log-store.ts'
import type { Snapshot, Store, StoredDelivery } from '../../src/store/store.ts'
import { STORE_RULES } from '../../src/store-kit.ts'

/** The core of the file store, as the port has it, without its thread. */
class CoreStore implements Store {
  readonly durability = 'fsync'
  readonly #directory: string
  readonly #options: Partial<LogStoreOptions>
  #disk: FileDisk | null = null
  #core: LogStore | null = null
  #recorded: Change[] = []

  constructor(directory: string, options: Partial<LogStoreOptions>) {
    this.#directory = directory
    this.#options = options
  }

  get isFull(): boolean {
    return this.#core?.isFull === true
  }

  async open(): Promise<Snapshot> {
    this.#disk = new FileDisk(this.#directory)
    this.#core = new LogStore(this.#disk, this.#options)
    return this.#core.open()
  }

  record(change: Change): void {
    this.#recorded.push(change)
  }

  commit(done: (error: Error | null) => void): void {
    this.#core?.commit(this.#recorded)
    this.#recorded = []
    this.#core?.work()
    done(null)
  }

  page(
    owner: Owner,
    after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void {
    done(null, this.#core?.page(owner, after) ?? [])
  }

  async close(): Promise<void> {
    this.#core?.close()
    this.#disk?.close()
  }
}

for (const { sentence, check } of STORE_RULES) {
  test(`the log: ${sentence}`, async t => {
    const directory = t.testdir()
    await check({ store: () => new CoreStore(directory, {}) })
  })
  test(`the log, with small segments and many checkpoints: ${sentence}`, async t => {
    const directory = t.testdir()
    const options = { segmentBytes: 4_096, checkpointBytes: 2_048, pageMessages: 7 }
    await check({ store: () => new CoreStore(directory, options) })
  })
}

test('a first file whose header was torn is begun anew', async t => {
  const header = Buffer.alloc(30)
  header.write('PONDLOG1')
  header.writeUInt32BE(1, 8)
  const directory = t.testdir({ 'segment-00000001.log': header })
  const store = new CoreStore(directory, {})

  t.strictSame((await store.open()).sessions, [])
  await store.close()
})
