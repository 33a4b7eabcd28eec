// The durable store: a log in a directory, which a separate thread maintains.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { Writer } from '../packet/writer.ts'
import { clockAfter } from './broker-clock.ts'
import { ByteReader } from './bytes.ts'
import { writeChange } from './change-codec.ts'
import type { Change, Owner } from './change.ts'
import { LOG_STORE_DEFAULTS, type LogStoreOptions } from './log/log-store.ts'
import { machineTime } from './machine-time.ts'
import { readDeliveries, SnapshotReading } from './snapshot-codec.ts'
import {
  BELL,
  COMMIT_BYTES,
  CONTROL_BYTES,
  FULL,
  type OpeningReport,
  type Order,
  PARTS_READ,
  type Report,
  type ThreadSetup,
} from './thread-messages.ts'
import type { Durability, Snapshot, Store, StoredDelivery } from './store.ts'

const MEMORY_BYTES = 1_048_576

type Done = (error: Error | null) => void
type PageDone = (error: Error | null, deliveries: readonly StoredDelivery[]) => void

// Wide on purpose: one method for each word of the store's thread, and a field for whoever waits for it.
export class FileStore implements Store {
  readonly durability: Durability
  /** What the store found when it was opened. */
  opening: OpeningReport = { cut: null, clock: clockAfter(null, machineTime()) }
  readonly #directory: string
  readonly #options: LogStoreOptions
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES))
  readonly #writer = new Writer()
  #memory = Buffer.from(new SharedArrayBuffer(MEMORY_BYTES))
  #worker: Worker | null = null
  #port: MessagePort | null = null
  #snapshot = new SnapshotReading()
  #opened: { resolve(snapshot: Snapshot): void; reject(error: Error): void } | null = null
  #closed: (() => void) | null = null
  #committed: Done | null = null
  readonly #pages = new Map<number, PageDone>()
  #pageId = 0
  #failure: Error | null = null

  constructor(directory: string, options: Partial<LogStoreOptions> = {}) {
    this.#directory = directory
    this.#options = { ...LOG_STORE_DEFAULTS, ...options }
    this.durability = this.#options.durability
  }

  get isFull(): boolean {
    return Atomics.load(this.#control, FULL) === 1
  }

  open(): Promise<Snapshot> {
    const { port1, port2 } = new MessageChannel()
    const setup: ThreadSetup = {
      directory: this.#directory,
      options: this.#options,
      time: machineTime(),
      port: port2,
      control: this.#control.buffer as SharedArrayBuffer,
      memory: this.#memory.buffer as unknown as SharedArrayBuffer,
    }
    this.#port = port1
    port1.on('message', (report: Report) => this.#hear(report))
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject }
      // The TypeScript source runs directly if Node can strip types.
      const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
      const script = new URL(`./store-thread.${extension}`, import.meta.url)
      this.#worker = new Worker(script, { workerData: setup, transferList: [port2] })
      this.#worker.on('error', error => this.#fail(error))
      this.#worker.on('exit', () => this.#threadEnded(port1))
    })
  }

  record(change: Change): void {
    writeChange(this.#writer, change)
  }

  commit(done: Done): void {
    if (this.#failure !== null) {
      done(this.#failure)
      return
    }
    this.#committed = done
    const writer = this.#writer
    if (writer.length > this.#memory.length) this.#growMemory(writer.length)
    this.#memory.set(writer.bytes.subarray(0, writer.length))
    Atomics.store(this.#control, COMMIT_BYTES, writer.length)
    writer.reset()
    this.#ring()
  }

  page(owner: Owner, after: number, done: PageDone): void {
    if (this.#failure !== null) {
      done(this.#failure, [])
      return
    }
    this.#pageId += 1
    this.#pages.set(this.#pageId, done)
    this.#order({ kind: 'page', id: this.#pageId, owner, after })
  }

  async close(): Promise<void> {
    if (this.#port === null || this.#failure !== null) return
    await new Promise<void>(resolve => {
      this.#closed = resolve
      // The broker has closed, so nobody waits for answers.
      this.#committed = null
      this.#pages.clear()
      this.#order({ kind: 'close' })
    })
  }

  #hear(report: Report): void {
    switch (report.kind) {
      case 'committed': {
        const done = this.#committed
        this.#committed = null
        done?.(null)
        return
      }
      case 'page': {
        const done = this.#pages.get(report.id)
        this.#pages.delete(report.id)
        done?.(null, readDeliveries(new ByteReader(bufferOf(report.bytes))))
        return
      }
      case 'snapshot':
        this.#snapshot.add(bufferOf(report.bytes))
        Atomics.add(this.#control, PARTS_READ, 1)
        Atomics.notify(this.#control, PARTS_READ)
        return
      case 'opened':
        this.#open(report)
        return
      case 'failed':
        if (report.code !== null) Object.assign(report.error, { code: report.code })
        this.#fail(report.error)
        return
      case 'closed':
        this.#end(new Error('the store is closed'))
    }
  }

  #open(report: OpeningReport): void {
    this.opening = report
    this.#opened?.resolve(this.#snapshot.whole())
    this.#opened = null
    this.#snapshot = new SnapshotReading()
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return
    this.#opened?.reject(error)
    this.#opened = null
    this.#end(error)
  }

  /** The thread has ended: fails everything that waits for an answer. */
  #end(error: Error): void {
    this.#failure = error
    this.#port?.close()
    const committed = this.#committed
    const pages = [...this.#pages.values()]
    this.#committed = null
    this.#pages.clear()
    committed?.(error)
    for (const done of pages) done(error, [])
    this.#closed?.()
  }

  /** The last messages of the thread may still be in transit. */
  #threadEnded(port: MessagePort): void {
    let received = receiveMessageOnPort(port)
    while (received !== undefined) {
      this.#hear(received.message as Report)
      received = receiveMessageOnPort(port)
    }
    this.#fail(new Error('the thread of the store has ended'))
  }

  #growMemory(bytes: number): void {
    const memory = new SharedArrayBuffer(2 * bytes)
    this.#memory = Buffer.from(memory)
    this.#order({ kind: 'memory', memory })
  }

  #order(order: Order): void {
    this.#port?.postMessage(order)
    this.#ring()
  }

  #ring(): void {
    Atomics.add(this.#control, BELL, 1)
    Atomics.notify(this.#control, BELL)
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
