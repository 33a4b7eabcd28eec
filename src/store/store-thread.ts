// The thread of the store. It may block on the disk. Commits use neither the broker's event loop nor Node's thread pool,
// which also does DNS look-ups.

import { strict as assert } from 'node:assert'
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Writer } from '../packet/writer.ts'
import { errorOf } from '../thrown.ts'
import { BrokerClock } from './broker-clock.ts'
import { DiskFull, OutOfDescriptors } from './disk-full.ts'
import { FileDisk } from './file-disk.ts'
import { LogStore } from './log/log-store.ts'
import { machineTime, settingMs } from './machine-time.ts'
import { writeDeliveries, writeSnapshot } from './snapshot-codec.ts'
import {
  BELL,
  COMMIT_BYTES,
  FULL,
  type Order,
  PARTS_READ,
  type Report,
  type ThreadSetup,
} from './thread-messages.ts'

/** How often a full disk is checked, in milliseconds. */
const FULL_RETRY_MS = 250
/** How often the free space of the disk is checked, at most, in case other programs have filled it. */
const ROOM_CHECK_MS = 250
/** After this time without requests, files that are not needed are freed. */
const QUIET_MS = 2_000
const SNAPSHOT_PART_BYTES = 1_048_576
/** How many parts of a snapshot are in transit to the broker at a time. */
const PARTS_UNREAD_MAX = 4

class StoreThread {
  readonly #port: MessagePort
  readonly #control: Int32Array
  readonly #log: LogStore
  readonly #clock: BrokerClock
  #memory: Buffer
  #orders: Order[] = []
  #isOpen = true
  #roomCheckedAt = 0
  #partsSent = 0

  constructor(setup: ThreadSetup, disk: FileDisk) {
    this.#port = setup.port
    this.#control = new Int32Array(setup.control)
    this.#memory = Buffer.from(setup.memory)
    this.#log = new LogStore(disk, setup.options)
    this.#clock = new BrokerClock(disk, setup.time, { time: machineTime, settingMs })
  }

  open(): void {
    const snapshot = this.#log.openInParts()
    const writer = new Writer()
    const flush = (bytes: number) => {
      if (writer.length < bytes) return
      this.#tell({ kind: 'snapshot', bytes: taken(writer) })
      this.#partsSent += 1
      this.#awaitReader()
    }
    writeSnapshot(writer, snapshot, () => flush(SNAPSHOT_PART_BYTES))
    flush(1)
    this.#reportRoom()
    this.#tell({ kind: 'opened', cut: this.#log.cut, clock: this.#clock.open() })
  }

  /** Sends the snapshot in parts, so that a start needs memory for a few parts only. */
  #awaitReader(): void {
    for (;;) {
      const read = Atomics.load(this.#control, PARTS_READ)
      if (this.#partsSent - read < PARTS_UNREAD_MAX) return
      Atomics.wait(this.#control, PARTS_READ, read)
    }
  }

  run(): void {
    while (this.#isOpen) {
      const bell = Atomics.load(this.#control, BELL)
      // All commits that were given before a request are visible when the request is read.
      this.#readMessages()
      let isWaitingForRoom = !this.#commit()
      if (!isWaitingForRoom || this.#isClosing()) isWaitingForRoom = !this.#carryOutOrders()
      const hasMore = this.#isOpen && this.#log.work()
      this.#lookForRoom()
      if (hasMore || !this.#isOpen) continue
      this.#clock.look()
      this.#wait(bell, isWaitingForRoom)
    }
  }

  /** Waits for a request or for background work. */
  #wait(bell: number, isWaitingForRoom: boolean): void {
    const isFull = isWaitingForRoom || this.#log.isFull
    const quietMs = this.#log.mayRest ? QUIET_MS : Infinity
    const outcome = Atomics.wait(this.#control, BELL, bell, isFull ? FULL_RETRY_MS : quietMs)
    if (outcome === 'timed-out' && !isFull) this.#log.rest()
  }

  #lookForRoom(): void {
    const now = performance.now()
    if (now - this.#roomCheckedAt >= ROOM_CHECK_MS) {
      this.#roomCheckedAt = now
      this.#log.lookForRoom()
    }
    this.#reportRoom()
  }

  /** Closes without waiting for a commit that has no room, because nobody got an acknowledgement for it. */
  #isClosing(): boolean {
    return this.#orders.some(({ kind }) => kind === 'close')
  }

  /** Commits. Returns false when there was no room; then it is tried again. */
  #commit(): boolean {
    const bytes = Atomics.load(this.#control, COMMIT_BYTES)
    if (bytes === 0) return true
    // The commit may be in new memory, which was sent after the messages were read.
    if (bytes > this.#memory.length) this.#readMessages()
    assert(bytes <= this.#memory.length, 'a commit lies in the memory that both threads know')
    try {
      this.#log.append(this.#memory.subarray(0, bytes), this.#committed)
    } catch (error) {
      if (error instanceof DiskFull) return false
      throw error
    }
    return true
  }

  /** Returns the shared memory to the broker. */
  readonly #committed = (): void => {
    Atomics.store(this.#control, COMMIT_BYTES, 0)
    this.#tell({ kind: 'committed' })
  }

  /** Handles requests. Commits come before requests that were given later, except for new shared memory. */
  #readMessages(): void {
    let received = receiveMessageOnPort(this.#port)
    while (received !== undefined) {
      const order = received.message as Order
      if (order.kind === 'memory') this.#memory = Buffer.from(order.memory)
      else this.#orders.push(order)
      received = receiveMessageOnPort(this.#port)
    }
  }

  /** Handles the requests. Returns false when no file could be opened for one: it and the later ones are tried again. */
  #carryOutOrders(): boolean {
    const orders = this.#orders
    this.#orders = []
    for (const [index, order] of orders.entries()) {
      try {
        this.#carryOut(order)
      } catch (error) {
        if (!(error instanceof OutOfDescriptors)) throw error
        this.#orders = [...orders.slice(index), ...this.#orders]
        return false
      }
    }
    return true
  }

  #carryOut(order: Order): void {
    if (order.kind === 'page') {
      const writer = new Writer()
      writeDeliveries(writer, this.#log.page(order.owner, order.after))
      this.#tell({ kind: 'page', id: order.id, bytes: taken(writer) })
    } else if (order.kind === 'close') {
      this.#log.close()
      this.#clock.keep()
      this.#isOpen = false
    }
  }

  #reportRoom(): void {
    Atomics.store(this.#control, FULL, this.#log.isFull ? 1 : 0)
  }

  #tell(report: Report): void {
    this.#port.postMessage(report)
  }
}

/** Returns a copy of the written bytes. */
function taken(writer: Writer): Uint8Array {
  const bytes = Uint8Array.from(writer.bytes.subarray(0, writer.length))
  writer.reset()
  return bytes
}

/** Returns the last message of the thread: the store was closed, or it has failed. */
function keep(setup: ThreadSetup): Report {
  let disk: FileDisk | null = null
  try {
    disk = new FileDisk(setup.directory)
    const thread = new StoreThread(setup, disk)
    thread.open()
    thread.run()
    return { kind: 'closed' }
  } catch (error) {
    const { code = null } = error as NodeJS.ErrnoException
    // A structured clone of an error loses its code.
    const failure = errorOf(error)
    return { kind: 'failed', error: failure, code }
  } finally {
    disk?.close()
  }
}

const setup = workerData as ThreadSetup
setup.port.postMessage(keep(setup))
setup.port.close()
