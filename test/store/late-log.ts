// A log device that answers in a later turn of the event loop, as a log on other machines does.

import type { ExtentOf, Position } from '../../src/store/ledger/message-table.ts'
import type {
  Appended,
  CheckpointWriting,
  Done,
  Extent,
  LogDevice,
  OnFetched,
  OnFrame,
} from '../../src/store/log-device.ts'
import type { Durability } from '../../src/store/store.ts'

export class LateLog implements LogDevice {
  readonly durability: Durability
  readonly extentBytes: number
  readonly extentOf: ExtentOf
  readonly #log: LogDevice

  constructor(log: LogDevice) {
    this.durability = log.durability
    this.extentBytes = log.extentBytes
    this.extentOf = log.extentOf
    this.#log = log
  }

  get bytesAppended(): number {
    return this.#log.bytesAppended
  }

  extents(): readonly Extent[] {
    return this.#log.extents()
  }

  open(onPart: (part: Buffer) => void, done: Done<Position>): void {
    setImmediate(() => this.#log.open(onPart, done))
  }

  read(from: Position, onFrame: OnFrame, done: Done<Position>): void {
    setImmediate(() => this.#log.read(from, onFrame, done))
  }

  append(payload: Buffer, expected: Position, done: Appended): void {
    this.#log.append(payload, expected, (error, position, appended) =>
      setImmediate(() => done(error, position, appended)),
    )
  }

  fetch(positions: readonly Position[], onFetched: OnFetched, done: Done): void {
    setImmediate(() => this.#log.fetch(positions, onFetched, done))
  }

  endExtent(done: Done): void {
    setImmediate(() => this.#log.endExtent(done))
  }

  checkpoint(at: Position): CheckpointWriting {
    const writing = this.#log.checkpoint(at)
    return {
      write: (part, done) => setImmediate(() => writing.write(part, done)),
      finish: done => setImmediate(() => writing.finish(done)),
      abandon: () => writing.abandon(),
    }
  }

  removeOlder(done: Done<boolean>): void {
    setImmediate(() => this.#log.removeOlder(done))
  }

  truncate(extents: readonly number[], done: Done<number>): void {
    setImmediate(() => this.#log.truncate(extents, done))
  }

  isHeld(): boolean {
    return this.#log.isHeld()
  }

  freeBytes(): number {
    return this.#log.freeBytes()
  }

  giveReserve(): boolean {
    return this.#log.giveReserve()
  }

  damage(position: Position, what: string): Error {
    return this.#log.damage(position, what)
  }

  close(done: Done): void {
    setImmediate(() => this.#log.close(done))
  }
}
