// A store over any log device, which may answer late. Work is done in the order of requests, one task at a time.

import { strict as assert } from 'node:assert'
import type { Message } from '../message.ts'
import { Writer } from '../packet/writer.ts'
import { writeChange } from './change-codec.ts'
import type { Change, Owner } from './change.ts'
import { DiskFull } from './disk-full.ts'
import type { Ledger } from './ledger/ledger.ts'
import { snapshotOf } from './ledger/snapshot.ts'
import type { Done, LogDevice } from './log-device.ts'
import { LoggedLedger, type LoggedLedgerOptions } from './logged-ledger.ts'
import type { Durability, Snapshot, Store, StoredDelivery } from './store.ts'

type Job = (end: () => void) => void

/** How often a store looks whether a full log has room again, or whether it was idle for long. */
const LOOK_MS = 250
/** After so many looks without a request, extents that are not needed are freed. */
const QUIET_LOOKS = 8

/** Calls again and again. Returns what ends it. */
type Repeat = (milliseconds: number, act: () => void) => () => void

const repeatByTimer: Repeat = (milliseconds, act) => {
  const timer = setInterval(act, milliseconds).unref()
  return () => clearInterval(timer)
}

export class LedgerStore implements Store {
  /** A field, because each turn reads it. */
  isFull = false
  readonly #device: LogDevice
  readonly #makeLog: () => LoggedLedger
  readonly #jobs = new JobQueue()
  readonly #changes = new RecordedChanges()
  #log: LoggedLedger
  readonly #looks: Looks
  /** Whoever waits for the outstanding commit. */
  #done: Done = () => {}
  /** Whether the outstanding commit found no room. It is tried again. */
  #waitsForRoom = false
  #failure: Error | null = null

  constructor(device: LogDevice, options: LoggedLedgerOptions, repeat: Repeat = repeatByTimer) {
    this.#device = device
    this.#looks = new Looks(repeat, () => this.#look())
    this.#makeLog = () => new LoggedLedger(device, options)
    this.#log = this.#makeLog()
  }

  get durability(): Durability {
    return this.#device.durability
  }

  async open(): Promise<Snapshot> {
    const log = this.#makeLog()
    await answerOf<void>(done => log.open(true, done))
    this.#log = log
    const slots = slotsOfSnapshot(log.ledger)
    const messages = await answerOf<readonly Message[]>(done => log.load(slots, done))
    const indexes = new Map(slots.map((slot, index) => [slot, index]))
    this.#looks.begin()
    return snapshotOf(log.ledger, slot => messageAt(messages, indexes.get(slot)))
  }

  record(change: Change): void {
    this.#changes.record(change)
  }

  commit(done: Done): void {
    if (this.#failure !== null) {
      done(this.#failure)
      return
    }
    this.#looks.requested()
    this.#changes.close()
    this.#done = done
    this.#jobs.add(end => this.#append(end))
    if (this.#log.upkeep.isDue) this.#jobs.add(end => this.#work(end))
  }

  page(owner: Owner, after: number, done: Done<readonly StoredDelivery[]>): void {
    this.#jobs.add(end => {
      this.#log.page(owner, after, (error, deliveries) => {
        done(error, deliveries)
        end()
      })
    })
  }

  /** Closes without waiting for a commit that has no room, because nobody got an acknowledgement for it. */
  close(): Promise<void> {
    this.#looks.end()
    return answerOf(done => this.#log.close(done))
  }

  #look(): void {
    const { upkeep } = this.#log
    if (!this.#jobs.isIdle) return
    if (this.#waitsForRoom || upkeep.room.isFull) {
      this.#jobs.add(end => this.#work(end))
      if (this.#waitsForRoom) this.#jobs.add(end => this.#append(end))
    } else if (upkeep.mayRest && this.#looks.isQuiet) {
      this.#jobs.add(end => this.#rest(end))
    }
  }

  #append(end: () => void): void {
    const records = this.#changes.closed
    if (records.length === 0) {
      this.#done(null)
      end()
      return
    }
    const log = this.#log
    const appended: Done = error => this.#appended(error)
    log.append(records, appended, () => {
      this.isFull = log.upkeep.room.isFull
      end()
    })
  }

  #appended(error: Error | null): void {
    this.#waitsForRoom = error instanceof DiskFull
    if (!this.#waitsForRoom) this.#done(error)
  }

  /** One step of the upkeep between two commits, so that no commit waits for long. */
  #work(end: () => void): void {
    this.#log.upkeep.work((error, hasMore) => this.#worked(error, hasMore, end))
  }

  #rest(end: () => void): void {
    this.#log.upkeep.rest((error, hasMore) => this.#worked(error, hasMore, end))
  }

  #worked(error: Error | null, hasMore: boolean, end: () => void): void {
    this.#failure ??= error
    this.isFull = this.#log.upkeep.room.isFull
    // Behind commits the next step follows the next commit.
    const isQuiet = this.#waitsForRoom || this.#looks.isQuiet
    if (error === null && hasMore && isQuiet) this.#jobs.add(end => this.#work(end))
    end()
  }
}

/** Looks again and again, and knows how long nothing was requested. */
class Looks {
  readonly #repeat: Repeat
  readonly #act: () => void
  #quiet = 0
  #end: () => void = () => {}

  constructor(repeat: Repeat, act: () => void) {
    this.#repeat = repeat
    this.#act = act
  }

  begin(): void {
    this.#end = this.#repeat(LOOK_MS, () => {
      this.#quiet += 1
      this.#act()
    })
  }

  end(): void {
    this.#end()
  }

  requested(): void {
    this.#quiet = 0
  }

  get isQuiet(): boolean {
    return this.#quiet >= QUIET_LOOKS
  }
}

/** Encoded changes in two buffers: those that are recorded during a commit go into the other one. */
class RecordedChanges {
  #writer = new Writer()
  #closed = new Writer()

  record(change: Change): void {
    writeChange(this.#writer, change)
  }

  /** Changes that are recorded from now on belong to the next commit. */
  close(): void {
    const writer = this.#writer
    this.#writer = this.#closed
    this.#writer.reset()
    this.#closed = writer
  }

  /** The changes of the last commit. */
  get closed(): Buffer {
    return this.#closed.bytes.subarray(0, this.#closed.length)
  }
}

/** Runs one task at a time, in the order of requests. */
class JobQueue {
  readonly #jobs: Job[] = []
  #isBusy = false
  #isRunning = false

  get isIdle(): boolean {
    return !this.#isBusy
  }

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

/** Returns the slots of the messages in a snapshot: messages in flight, retained messages and delayed ones. */
function slotsOfSnapshot({ sessions, retained, held, locked }: Ledger): readonly number[] {
  const entries = [...retained.values(), ...held.values(), ...locked.all.values()]
  const slots = entries.map(({ slot }) => slot)
  for (const { sent } of sessions.values()) {
    for (const entry of sent.values()) if (!entry.isReceived) slots.push(entry.slot)
  }
  return slots
}

function messageAt(messages: readonly Message[], index = -1): Message {
  const message = messages[index]
  assert(message !== undefined, 'every message of a snapshot was read')
  return message
}
