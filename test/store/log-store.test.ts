import { test } from 'tap'
import { Random } from '../../sim/random.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
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

const FIRST = 'segment-00000001.log'
const COMMITS = 500

/** Returns the sizes that the file of a log had behind each of many commits. */
function sizesOf(disk: SimDisk, options: Partial<LogStoreOptions>): readonly number[] {
  const log = new LogStore(disk, options)
  log.open()
  const sizes = sizesWith(log, disk)
  log.close()
  return sizes
}

function sizesWith(log: LogStore, disk: SimDisk): readonly number[] {
  return Array.from({ length: COMMITS }, (_, number) => {
    log.commit([
      { kind: 'session-opened', clientId: `client-${number}`, expiryIntervalSeconds: 60 },
    ])
    return disk.bytesOf(FIRST).length
  })
}

test('one of many commits makes the file longer, because a sync of a longer file writes its size as well', t => {
  const disk = new SimDisk({ random: new Random(1) })
  t.equal(new Set(sizesOf(disk, {})).size, 1)
  const size = disk.bytesOf(FIRST).length
  t.ok(size < 80 * COMMITS, `an orderly end gives the room back: ${size} bytes`)
  t.equal(
    new Set(sizesOf(new SimDisk({ random: new Random(1) }), { durability: 'os' })).size,
    COMMITS,
  )
  t.end()
})

test('the room of a process that was killed is used, and goes with an orderly end', t => {
  const disk = new SimDisk({ random: new Random(1) })
  const killed = new LogStore(disk, {})
  killed.open()
  const [size = 0] = sizesWith(killed, disk)
  disk.processDies()

  t.strictSame([...new Set(sizesOf(disk, {}))], [size])
  t.ok(disk.bytesOf(FIRST).length < 160 * COMMITS)
  t.end()
})

test('without space for more than its frames a log goes on all the same', t => {
  const disk = new SimDisk({ random: new Random(1), capacityBytes: 120 * COMMITS })
  t.equal(new Set(sizesOf(disk, { reserveBytes: 0 })).size, COMMITS)
  const again = new LogStore(disk, { reserveBytes: 0 })
  t.equal(again.open().sessions.length, COMMITS)
  t.end()
})
