// A ledger and the log that it is made from, over any device: the one state machine of all stores. A device that answers at
// once makes it synchronous.

import type { Message } from '../message.ts'
import { thrownSentence } from '../thrown.ts'
import { ByteReader } from './bytes.ts'
import { DiskFull } from './disk-full.ts'
import { applyRecords, MESSAGE_IN_RECORD } from './ledger/apply-records.ts'
import { endRestore, restorePart } from './ledger/image.ts'
import { Ledger } from './ledger/ledger.ts'
import type { Position } from './ledger/message-table.ts'
import { type PageBounds, pageOf } from './ledger/page.ts'
import { storedDelivery } from './ledger/snapshot.ts'
import type { Appended, Done, LogDevice } from './log-device.ts'
import { readMessage } from './message-codec.ts'
import { NewerVersion } from './newer-version.ts'
import { asQueueOwner, type Owner } from './owner.ts'
import type { StoredDelivery } from './store.ts'
import type { UpkeepOptions } from './upkeep/checkpoint-policy.ts'
import { Upkeep } from './upkeep/upkeep.ts'

export interface LoggedLedgerOptions extends PageBounds, UpkeepOptions {}

const NOBODY = (): void => {}

export class LoggedLedger {
  readonly device: LogDevice
  readonly ledger: Ledger
  readonly upkeep: Upkeep
  readonly #options: LoggedLedgerOptions
  readonly #reader = new ByteReader(Buffer.alloc(0))
  /** The position of the last frame. */
  #last: Position = 0
  // Whoever waits for the commit. Only one is outstanding at a time.
  #durable: Done = NOBODY
  #applied: () => void = NOBODY

  constructor(device: LogDevice, options: LoggedLedgerOptions) {
    this.device = device
    this.ledger = new Ledger(device.extentOf)
    this.upkeep = new Upkeep(this, options)
    this.#options = options
  }

  get last(): Position {
    return this.#last
  }

  /** Recovers all commits. For a repair even messages may be missing: then `needsMessages` is false. */
  open(needsMessages: boolean, done: Done): void {
    const { device, ledger } = this
    device.open(
      part => restorePart(ledger, part),
      (failure, from) => {
        if (failure !== null) {
          done(failure)
          return
        }
        endRestore(ledger)
        device.read(
          from,
          (payload, position) => this.#replay(payload, position),
          (error, last) => {
            this.#last = last
            if (error === null) this.#recovered(needsMessages, done)
            else done(error)
          },
        )
      },
    )
  }

  /**
   * Commits encoded changes. `durable` is called when they are durable, or with the error. Work after that is for the ledger only,
   * and nobody needs to wait for it; `applied` is called behind it.
   */
  append(records: Buffer, durable: Done, applied: () => void): void {
    this.#durable = durable
    this.#applied = applied
    this.device.append(records, this.#last, this.#appended)
  }

  /** Appends a frame that changes nothing: the ledger gets the places of its messages when it is durable. */
  appendCopies(records: Buffer, done: Done<Position>): void {
    this.device.append(records, this.#last, (error, position) => {
      if (error === null) this.#last = position
      done(error, position)
    })
  }

  page(owner: Owner, after: number, done: Done<readonly StoredDelivery[]>): void {
    const { ledger } = this
    const waiting = ledger.waitingFor(owner)
    const page = waiting === null ? [] : pageOf(waiting, after, ledger, this.#options)
    const slots = page.map(({ slot }) => slot)
    this.load(slots, (error, messages) => {
      const group = asQueueOwner(owner)
      const deliveries = messages.flatMap((message, index) => {
        const entry = page[index]
        if (entry === undefined) return []
        return storedDelivery(ledger, entry.delivery, entry.options, message, 0, group)
      })
      done(error, deliveries)
    })
  }

  /** Reads the messages in these slots. */
  load(slots: readonly number[], done: Done<readonly Message[]>): void {
    const { messages } = this.ledger
    const loaded: Message[] = []
    this.device.fetch(
      slots.map(slot => messages.positionOf(slot)),
      (payload, index) => {
        const record = messages.recordOf(slots[index] ?? 0)
        loaded[index] = readMessage(new ByteReader(payload, record + MESSAGE_IN_RECORD))
      },
      error => done(error, error === null ? loaded : []),
    )
  }

  close(done: Done): void {
    this.upkeep.giveUp()
    this.device.close(done)
  }

  readonly #appended: Appended = (error, position, payload) => {
    if (error !== null) {
      if (error instanceof DiskFull) this.upkeep.room.isFull = true
      this.#durable(error)
      this.#applied()
      return
    }
    this.#last = position
    this.#durable(null)
    const reader = this.#reader
    reader.bytes = payload
    reader.position = 0
    applyRecords(this.ledger, reader, position)
    this.upkeep.room.appended()
    this.#applied()
  }

  #recovered(needsMessages: boolean, done: Done): void {
    this.#findMessages(needsMessages ? this.#lastNeeded() : [], error => {
      if (error !== null) {
        done(error)
        return
      }
      this.upkeep.reclaim(failure => {
        if (failure === null) {
          this.ledger.forgetBegun()
          this.upkeep.room.look()
        }
        done(failure)
      })
    })
  }

  #findMessages(positions: readonly Position[], done: Done): void {
    this.device.fetch(positions, NOBODY, done)
  }

  /** The last needed message of each extent: reading them detects files that were cut or end in zeros. */
  #lastNeeded(): readonly Position[] {
    const { messages } = this.ledger
    const last = new Map<number, Position>()
    // Neighbours mostly lie in one extent, so the map is asked once for each run of them.
    let extent = -1
    let newest = 0
    for (let slot = 0; slot < messages.end; slot++) {
      const position = messages.positionOf(slot)
      if (position === 0) continue
      const itsExtent = this.device.extentOf(position)
      if (itsExtent !== extent) {
        last.set(extent, newest)
        extent = itsExtent
        newest = last.get(extent) ?? 0
      }
      if (position > newest) newest = position
    }
    last.set(extent, newest)
    last.delete(-1)
    return [...last.values()]
  }

  /** Applies records. Records that no broker can have written count as damage. */
  #replay(payload: Buffer, position: Position): void {
    try {
      applyRecords(this.ledger, new ByteReader(payload), position)
    } catch (error) {
      if (error instanceof NewerVersion) throw error
      const what = thrownSentence(error)
      throw this.device.damage(position, what)
    }
  }
}
