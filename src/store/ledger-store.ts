// A store over any log device. It keeps the ledger of the log, and makes checkpoints so that the log stays short.

import { strict as assert } from 'node:assert'
import type { Message } from '../message.ts'
import { Writer } from '../packet/writer.ts'
import { ByteReader } from './bytes.ts'
import { MOVED, writeChange } from './change-codec.ts'
import type { Change, Owner } from './change.ts'
import { applyRecords, MESSAGE_IN_RECORD } from './ledger/apply-records.ts'
import { endRestore, imageOf, restoreRecord } from './ledger/image.ts'
import { Ledger } from './ledger/ledger.ts'
import type { Position } from './ledger/message-table.ts'
import { pageOf, type PageBounds } from './ledger/page.ts'
import { snapshotOf, storedDelivery } from './ledger/snapshot.ts'
import type { Done, LogDevice } from './log-device.ts'
import { readMessage } from './message-codec.ts'
import { asQueueOwner } from './owner.ts'
import type { Durability, Snapshot, Store, StoredDelivery } from './store.ts'

interface LedgerStoreOptions extends PageBounds {
  /** A checkpoint is made after this many bytes of log, but at least after twice the size of the last checkpoint. */
  readonly checkpointBytes: number
}

/** An extent is emptied when at most this part of it is needed. */
const NEEDED_PART_MAX = 0.25
/** The bytes of a message in the log besides topic, payload and properties. */
const RECORD_BYTES = 64

type Job = (end: () => void) => void
type LoadMessage = (slot: number) => Message

export class LedgerStore implements Store {
  readonly durability: Durability
  readonly isFull = false
  readonly #device: LogDevice
  readonly #options: LedgerStoreOptions
  /** Two buffers: changes that are recorded during a commit go into the other one. */
  #writer = new Writer()
  #committing = new Writer()
  readonly #jobs = new JobQueue()
  #ledger: Ledger
  #last: Position = 0
  #bytesToCheckpoint: number

  constructor(device: LogDevice, options: LedgerStoreOptions) {
    this.durability = device.durability
    this.#device = device
    this.#options = options
    this.#bytesToCheckpoint = options.checkpointBytes
    this.#ledger = new Ledger(device.extentOf)
  }

  async open(): Promise<Snapshot> {
    const device = this.#device
    const ledger = new Ledger(device.extentOf)
    const from = await answerOf<Position>(done =>
      device.open(part => restorePart(ledger, part), done),
    )
    endRestore(ledger)
    this.#ledger = ledger
    this.#last = await answerOf<Position>(done =>
      device.read(
        from,
        ({ payload, position }) => applyRecords(ledger, new ByteReader(payload), position),
        done,
      ),
    )
    ledger.forgetBegun()
    const load = await answerOf<LoadMessage>(done => this.#load(slotsOfSnapshot(ledger), done))
    return snapshotOf(ledger, load)
  }

  record(change: Change): void {
    writeChange(this.#writer, change)
  }

  commit(done: Done): void {
    const payload = this.#takeRecorded()
    this.#jobs.add(end => {
      this.#append(payload, (error, position) => {
        if (error === null) applyRecords(this.#ledger, new ByteReader(payload), position)
        done(error)
        end()
      })
    })
    if (this.#bytesToCheckpoint > 0) return
    this.#bytesToCheckpoint = Infinity
    this.#jobs.add(end => this.#moveMessages(end))
    this.#jobs.add(end => this.#checkpoint(end))
  }

  page(owner: Owner, after: number, done: Done<readonly StoredDelivery[]>): void {
    this.#jobs.add(end => {
      const ledger = this.#ledger
      const waiting = ledger.waitingFor(owner)
      const page = waiting === null ? [] : pageOf(waiting, after, ledger, this.#options)
      const slots = page.map(({ slot }) => slot)
      this.#load(slots, (error, load) => {
        const queueOwner = asQueueOwner(owner)
        const deliveries = page.map(({ delivery, slot, options }) =>
          storedDelivery(ledger, delivery, options, load(slot), 0, queueOwner),
        )
        done(error, error === null ? deliveries : [])
        end()
      })
    })
  }

  close(): Promise<void> {
    return answerOf(done => this.#device.close(done))
  }

  /** Commits. Only one commit is outstanding at a time. */
  #takeRecorded(): Buffer {
    const writer = this.#writer
    this.#writer = this.#committing
    this.#writer.reset()
    this.#committing = writer
    return writer.bytes.subarray(0, writer.length)
  }

  #append(payload: Buffer, done: Done<Position>): void {
    if (payload.length === 0) {
      done(null, this.#last)
      return
    }
    this.#device.append(payload, this.#last, (error, position) => {
      if (error === null) this.#last = position
      this.#bytesToCheckpoint -= payload.length
      done(error, position)
    })
  }

  /** Reads the messages in these slots, and passes on a function that returns each. */
  #load(slots: readonly number[], done: Done<LoadMessage>): void {
    const { messages } = this.#ledger
    this.#device.fetch(new Set(slots.map(slot => messages.positionOf(slot))), (error, frames) => {
      const payloads = new Map(frames.map(({ position, payload }) => [position, payload]))
      done(error, slot => {
        const payload = payloads.get(messages.positionOf(slot))
        assert(payload !== undefined, 'the log has every frame that a message lies in')
        return readMessage(new ByteReader(payload, messages.recordOf(slot) + MESSAGE_IN_RECORD))
      })
    })
  }

  /** Appends the few needed messages of large extents again, so that the extents can be freed. The checkpoint has the new places. */
  #moveMessages(end: () => void): void {
    const { messages } = this.#ledger
    const sparse = this.#sparseExtents()
    if (sparse.size === 0) {
      end()
      return
    }
    const slots = [...messages.slots()].filter(slot =>
      sparse.has(this.#device.extentOf(messages.positionOf(slot))),
    )
    const positions = new Set(slots.map(slot => messages.positionOf(slot)))
    this.#device.fetch(positions, (_error, frames) => {
      const payloads = new Map(frames.map(({ position, payload }) => [position, payload]))
      const writer = new Writer()
      const records = slots.map(slot => {
        const record = writer.length
        copyMessage(payloads.get(messages.positionOf(slot)), messages.recordOf(slot), writer)
        return record
      })
      this.#append(writer.bytes.subarray(0, writer.length), (error, position) => {
        for (const [index, slot] of slots.entries()) {
          if (error === null) messages.move(slot, position, records[index] ?? 0)
        }
        end()
      })
    })
  }

  #sparseExtents(): ReadonlySet<number> {
    const sparse = new Set<number>()
    for (const { number, bytes } of this.#device.extents()) {
      const use = this.#ledger.messages.useOf(number)
      const needed = use === undefined ? 0 : use.bytes + use.messages * RECORD_BYTES
      if (needed > 0 && needed <= bytes * NEEDED_PART_MAX) sparse.add(number)
    }
    return sparse
  }

  #checkpoint(end: () => void): void {
    const image = imageOf(this.#ledger)
    const bytes = image.reduce((sum, { length }) => sum + length, 0)
    this.#device.checkpoint(this.#last, image, error => {
      this.#bytesToCheckpoint = Math.max(this.#options.checkpointBytes, 2 * bytes)
      const { messages } = this.#ledger
      const unused = [...this.#device.extents()]
        .map(({ number }) => number)
        .filter(number => messages.useOf(number) === undefined)
      // A failed checkpoint is tried again later. Until then the log is longer.
      if (error === null) this.#device.truncate(unused, end)
      else end()
    })
  }
}

/** Runs one task at a time, in the order of requests. */
class JobQueue {
  readonly #jobs: Job[] = []
  #isBusy = false
  #isRunning = false

  add(job: Job): void {
    this.#jobs.push(job)
    this.#run()
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    while (!this.#isBusy) {
      const job = this.#jobs.shift()
      if (job === undefined) break
      this.#isBusy = true
      job(this.#end)
    }
    this.#isRunning = false
  }

  readonly #end = (): void => {
    this.#isBusy = false
    this.#run()
  }
}

function answerOf<Result>(ask: (done: Done<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    ask((error, result) => (error === null ? resolve(result) : reject(error)))
  })
}

function restorePart(ledger: Ledger, part: Buffer): void {
  const reader = new ByteReader(part)
  while (reader.position < part.length) restoreRecord(ledger, reader)
}

/** Returns the slots of the messages in a snapshot: messages in flight and retained messages. */
function slotsOfSnapshot({ sessions, retained }: Ledger): readonly number[] {
  const slots = [...retained.values()].map(({ slot }) => slot)
  for (const { sent } of sessions.values()) {
    for (const entry of sent.values()) if (!entry.isReceived) slots.push(entry.slot)
  }
  return slots
}

function copyMessage(payload: Buffer | undefined, record: number, writer: Writer): void {
  assert(payload !== undefined, 'the log has every frame that a message lies in')
  const length = payload.readUInt32BE(record + 1)
  writer.uint8(MOVED)
  writer.raw(payload.subarray(record + 1, record + MESSAGE_IN_RECORD + length))
}
