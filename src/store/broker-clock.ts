// The broker's clock continues across its starts. Stored times are times of this clock, and only differences between them
// matter. So setting the clock of the machine, forward or back, ends no session and no message.
//
// Within one boot of the machine, the monotonic clock since the boot shows how long the broker was not running. After another
// boot, or on another machine, only the adjustable clock can show it. It is used then, unless it has gone back.

import type { Disk, DiskFile } from './disk.ts'
import { DiskFull, isDiskFull, isOutOfDescriptors } from './disk-full.ts'
import { writeAll } from './log/segment-file.ts'
import type { MachineTime } from './machine-time.ts'

/** The file in the directory of the store: a mark. */
const CLOCK_FILE = 'clock'
const UNFINISHED = 'clock.new'
const FILE_BYTES_MAX = 4_096
/** The tolerance between two clocks: they are read one after the other, and are not exact. */
const INEXACT_MS = 1_000
/** A clock that differs by more than this from its expected value was set. */
const SET_MS_MIN = 60_000
/** After another boot, an absence of this length may be caused by a wrong clock. */
const LONG_MS_MIN = 86_400_000

/** The wait after a mark that could not be written. */
const RETRY_MS = 10_000

/** A mark: the time of the broker's clock at one moment of the machine's clocks. */
interface ClockMark extends MachineTime {
  readonly brokerMs: number
}

/** A remark about the clock for the operator. */
type ClockOddity = 'none' | 'set' | 'gone-back' | 'long-away' | 'unreadable'

export interface ClockReport {
  /** How far the broker's clock is ahead of the machine's clock at the start of the broker. */
  readonly aheadMs: number
  /** How long the broker was not running, as far as known; 0 for a new store. */
  readonly awayMs: number
  readonly oddity: ClockOddity
}

/** The source of time, which tests replace. */
interface Machine {
  readonly time: () => MachineTime
  readonly settingMs: () => number
}

/** Keeps the mark in the directory up to date while the store is open. */
export class BrokerClock {
  readonly #disk: Disk
  readonly #start: MachineTime
  readonly #machine: Machine
  readonly #settingAtStartMs: number
  #aheadMs = 0
  #settingMs: number
  /** When to try again after a mark could not be written. */
  #failedAtMs: number | null = null

  /** `start`: the time in the broker's thread. */
  constructor(disk: Disk, start: MachineTime, machine: Machine) {
    this.#disk = disk
    this.#start = start
    this.#machine = machine
    this.#settingAtStartMs = machine.settingMs()
    this.#settingMs = this.#settingAtStartMs
  }

  /** Determines the time at which the clock continues, and writes a mark for the next start. */
  open(): ClockReport {
    const mark = readMark(this.#disk)
    const report = clockAfter(mark === 'unreadable' ? null : mark, this.#start)
    this.#aheadMs = report.aheadMs
    this.keep()
    return mark === 'unreadable' ? { ...report, oddity: 'unreadable' } : report
  }

  /** Must be called now and then. Writes a mark when the clock of the machine was set; otherwise it makes no disk call. */
  look(): void {
    const wasSet = Math.abs(this.#machine.settingMs() - this.#settingMs) > INEXACT_MS
    if (!wasSet && this.#failedAtMs === null) return
    const sinceMs = this.#machine.time().awakeMs - (this.#failedAtMs ?? -Infinity)
    if (sinceMs > RETRY_MS) this.keep()
  }

  /** Writes a mark. If the disk is full, it does not fail but tries again later. */
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

/** Returns where the broker's clock continues at `now`. */
export function clockAfter(mark: ClockMark | null, now: MachineTime): ClockReport {
  if (mark === null) return { aheadMs: 0, awayMs: 0, oddity: 'none' }
  const byWallMs = now.wallMs - mark.wallMs
  const sinceBootMs = awayInBoot(mark, now)
  const awayMs = sinceBootMs ?? Math.max(0, byWallMs)
  const aheadMs = mark.brokerMs + awayMs - now.wallMs
  return { aheadMs, awayMs, oddity: oddityOf(byWallMs, sinceBootMs) }
}

/** Returns how long the broker was not running by the monotonic clocks, or null if the machine was restarted. */
function awayInBoot(mark: ClockMark, now: MachineTime): number | null {
  if (mark.boot === '' || mark.boot !== now.boot) return null
  const awakeMs = now.awakeMs - mark.awakeMs
  if (awakeMs < 0) return null
  // A container may have its own uptime. Then the time of sleep is unknown.
  const sleptMs = now.upMs - mark.upMs - awakeMs
  return sleptMs > INEXACT_MS ? awakeMs + sleptMs : awakeMs
}

function oddityOf(byWallMs: number, sinceBootMs: number | null): ClockOddity {
  if (sinceBootMs !== null) return Math.abs(byWallMs - sinceBootMs) > SET_MS_MIN ? 'set' : 'none'
  if (byWallMs < -INEXACT_MS) return 'gone-back'
  return byWallMs > LONG_MS_MIN ? 'long-away' : 'none'
}

/** Reads the mark in the directory: null if there is none, unreadable if it is damaged. */
function readMark(disk: Disk): ClockMark | null | 'unreadable' {
  if (!disk.list().includes(CLOCK_FILE)) return null
  const file = disk.open(CLOCK_FILE)
  try {
    return markIn(file) ?? 'unreadable'
  } finally {
    file.close()
  }
}

/** Writes the mark atomically. It is durable when this returns. */
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
