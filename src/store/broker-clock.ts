// The broker's clock goes on across its starts. What is stored bears times of that clock, and only the time between
// them counts; so a clock of the machine that is set, forward or back, ends no session and no message.
//
// Within one boot of the machine its clock since the boot tells how long the broker was away. After another boot, or
// on another machine, only the clock that may be set can tell: then it is believed, but not where it has gone back.

import type { Disk, DiskFile } from './disk.ts'
import { DiskFull, isDiskFull, isOutOfDescriptors } from './log/store-damaged.ts'
import { writeAll } from './log/segment-file.ts'
import type { MachineTime } from './machine-time.ts'

/** The file in the directory of the store: a mark. */
const CLOCK_FILE = 'clock'
const UNFINISHED = 'clock.new'
const FILE_BYTES_MAX = 4_096
/** The clocks are read one after the other, and none of them is exact. */
const INEXACT_MS = 1_000
/** The clock was set if it differs by more from what it should be. */
const SET_MS_MIN = 60_000
/** After another boot, an absence for so long may be a clock that was wrong. */
const LONG_MS_MIN = 86_400_000

/** After a mark that could not be written. */
const RETRY_MS = 10_000

/** What the broker's clock showed at one moment of the machine. */
interface ClockMark extends MachineTime {
  readonly brokerMs: number
}

/** What is worth telling the operator of the clock. */
type ClockOddity = 'none' | 'set' | 'gone-back' | 'long-away' | 'unreadable'

export interface ClockReport {
  /** How far the broker's clock is ahead of the machine's, as that was when the broker began. */
  readonly aheadMs: number
  /** How long the broker was away, as far as anybody knows; 0 for a new store. */
  readonly awayMs: number
  readonly oddity: ClockOddity
}

/** What tells the time; for tests that move it. */
interface Machine {
  readonly time: () => MachineTime
  readonly settingMs: () => number
}

/** Keeps the mark in the directory for as long as the store is open. */
export class BrokerClock {
  readonly #disk: Disk
  readonly #start: MachineTime
  readonly #machine: Machine
  readonly #settingAtStartMs: number
  #aheadMs = 0
  #settingMs: number
  /** After the last mark that could not be written; it is tried again. */
  #failedAtMs: number | null = null

  /** `start`: the time as the broker sees it, whose thread is another. */
  constructor(disk: Disk, start: MachineTime, machine: Machine) {
    this.#disk = disk
    this.#start = start
    this.#machine = machine
    this.#settingAtStartMs = machine.settingMs()
    this.#settingMs = this.#settingAtStartMs
  }

  /** Finds where the clock goes on, and leaves a mark for the next start. */
  open(): ClockReport {
    const mark = readMark(this.#disk)
    const report = clockAfter(mark === 'unreadable' ? null : mark, this.#start)
    this.#aheadMs = report.aheadMs
    this.keep()
    return mark === 'unreadable' ? { ...report, oddity: 'unreadable' } : report
  }

  /** To be called now and then: leaves a mark when the clock of the machine was set. Costs no call of the disk otherwise. */
  look(): void {
    const wasSet = Math.abs(this.#machine.settingMs() - this.#settingMs) > INEXACT_MS
    if (!wasSet && this.#failedAtMs === null) return
    const sinceMs = this.#machine.time().awakeMs - (this.#failedAtMs ?? -Infinity)
    if (sinceMs > RETRY_MS) this.keep()
  }

  /** Leaves a mark. A disk without room is no reason to fail: it is tried again. */
  keep(): void {
    const time = this.#machine.time()
    const settingMs = this.#machine.settingMs()
    const ranMs = time.awakeMs - this.#start.awakeMs
    const wallMs = this.#start.wallMs + ranMs + settingMs - this.#settingAtStartMs
    const brokerMs = this.#start.wallMs + ranMs + this.#aheadMs
    try {
      writeMark(this.#disk, { ...time, wallMs, brokerMs })
      this.#settingMs = settingMs
      this.#failedAtMs = null
    } catch (error) {
      if (!mayBeTriedAgain(error)) throw error
      this.#failedAtMs = time.awakeMs
    }
  }
}

/** Where the broker's clock goes on, at `now`. */
export function clockAfter(mark: ClockMark | null, now: MachineTime): ClockReport {
  if (mark === null) return { aheadMs: 0, awayMs: 0, oddity: 'none' }
  const byWallMs = now.wallMs - mark.wallMs
  const sinceBootMs = awayInBoot(mark, now)
  const awayMs = sinceBootMs ?? Math.max(0, byWallMs)
  const aheadMs = mark.brokerMs + awayMs - now.wallMs
  return { aheadMs, awayMs, oddity: oddityOf(byWallMs, sinceBootMs) }
}

/** How long the broker was away by the clocks that nobody sets, or null where they were begun anew since. */
function awayInBoot(mark: ClockMark, now: MachineTime): number | null {
  if (mark.boot === '' || mark.boot !== now.boot) return null
  const awakeMs = now.awakeMs - mark.awakeMs
  if (awakeMs < 0) return null
  // A container may count its own time up, from its own start: then nothing is known of sleep.
  const sleptMs = now.upMs - mark.upMs - awakeMs
  return sleptMs > INEXACT_MS ? awakeMs + sleptMs : awakeMs
}

function oddityOf(byWallMs: number, sinceBootMs: number | null): ClockOddity {
  if (sinceBootMs !== null) return Math.abs(byWallMs - sinceBootMs) > SET_MS_MIN ? 'set' : 'none'
  if (byWallMs < -INEXACT_MS) return 'gone-back'
  return byWallMs > LONG_MS_MIN ? 'long-away' : 'none'
}

/** The mark in the directory: null where none is, and unreadable where it is not as it was written. */
function readMark(disk: Disk): ClockMark | null | 'unreadable' {
  if (!disk.list().includes(CLOCK_FILE)) return null
  const file = disk.open(CLOCK_FILE)
  try {
    return markIn(file) ?? 'unreadable'
  } finally {
    file.close()
  }
}

/** Durable, and whole or not at all, when it returns. */
function writeMark(disk: Disk, mark: ClockMark): void {
  if (disk.list().includes(UNFINISHED)) disk.remove(UNFINISHED)
  const file = disk.create(UNFINISHED)
  try {
    writeAll(file, Buffer.from(`${JSON.stringify(mark)}\n`), 0)
    file.sync()
  } finally {
    file.close()
  }
  disk.rename(UNFINISHED, CLOCK_FILE)
  disk.syncNames()
}

function mayBeTriedAgain(error: unknown): boolean {
  return error instanceof DiskFull || isDiskFull(error) || isOutOfDescriptors(error)
}

function markIn(file: DiskFile): ClockMark | null {
  const bytes = Buffer.alloc(FILE_BYTES_MAX)
  const text = bytes.toString('utf8', 0, file.read(bytes, 0))
  try {
    const { brokerMs, wallMs, awakeMs, upMs, boot } = JSON.parse(text) as Partial<ClockMark>
    if (!isTime(brokerMs) || !isTime(wallMs) || !isTime(awakeMs) || !isTime(upMs)) return null
    return typeof boot === 'string' ? { brokerMs, wallMs, awakeMs, upMs, boot } : null
  } catch {
    return null
  }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value)
}
