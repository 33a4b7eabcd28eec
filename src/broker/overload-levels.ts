// The level of overload, from the readings of sensors. It has no clock: each reading has the length of its window.

export type OverloadLevel = 0 | 1 | 2 | 3

export const SENSORS = ['loop-delay', 'commit-age', 'memory', 'disk'] as const
export type Sensor = (typeof SENSORS)[number]

/** The readings of all sensors at the end of one window. */
export interface Readings {
  /** The length of the window. */
  readonly spanMs: number
  /** How late the event loop was in the window, at the 99th percentile. */
  readonly loopDelayMs: number
  /** The processor time of the process as a part of one processor; several threads can make it more than 1. */
  readonly processorPart: number
  /** The age of the oldest change that is not committed yet; 0 for none. */
  readonly commitAgeMs: number
  /** The part of the memory that is used: of the heap, or of what the system gives, whichever is more. */
  readonly memoryPart: number
  /** Null if nothing is stored on a disk. */
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null
}

interface Thresholds {
  readonly loopDelayMs: number
  readonly commitAgeMs: number
  readonly memoryPercent: number
}

interface DiskThresholds {
  readonly diskFreePercent: number
  readonly diskFreeBytes: number
}

/** The readings at which each level begins. */
export interface OverloadThresholds {
  readonly level1: Thresholds
  readonly level2: Thresholds & DiskThresholds
  readonly level3: Thresholds & DiskThresholds
}

/** The levels of all sensors. */
export type SensorLevels = { readonly [Each in Sensor]: OverloadLevel }

export const CALM: SensorLevels = { 'loop-delay': 0, 'commit-age': 0, memory: 0, disk: 0 }

/** Returns the highest level of all sensors. */
export function highest(levels: SensorLevels): OverloadLevel {
  let level: OverloadLevel = 0
  for (const sensor of SENSORS) if (levels[sensor] > level) level = levels[sensor]
  return level
}

/**
 * How long a reading must stay over its threshold. The event loop is late for a moment on every machine that is busy with other
 * things, and a commit waits for a moment on every disk that is.
 */
const HOLD_MS: Readonly<Record<Sensor, number>> = {
  'loop-delay': 3_000,
  'commit-age': 1_000,
  memory: 0,
  disk: 0,
}

/** If the process used less than this part of a processor, its event loop is late because of other programs. */
const PROCESSOR_PART_MIN = 0.7

/**
 * A level falls when the reading was below this part of its threshold … For memory the part is near 1: otherwise memory that stays in
 * use would keep a level that a short peak has raised.
 */
const CALM_PART: Readonly<Record<Sensor, number>> = {
  'loop-delay': 0.8,
  'commit-age': 0.8,
  memory: 0.95,
  disk: 0.8,
}
/** … for so long. Then it is the next lower level. */
const CALM_MS = 1_000

/**
 * The longest time for which one window counts. The process may have been suspended in a longer one, and then a commit is old
 * without any fault of the disk. A late event loop makes windows long; several are needed all the same.
 */
const SPAN_MS_MAX = 200
const LATE_SPAN_MS_MAX = 600

/** A reading as parts of the thresholds of the levels 1 to 3: 1 or more is over. */
type Parts = readonly [number, number, number]

export class OverloadLevels {
  readonly #thresholds: OverloadThresholds
  readonly #sensors: Readonly<Record<Sensor, SensorLevel>>

  constructor(thresholds: OverloadThresholds) {
    this.#thresholds = thresholds
    this.#sensors = {
      'loop-delay': new SensorLevel('loop-delay'),
      'commit-age': new SensorLevel('commit-age'),
      memory: new SensorLevel('memory'),
      disk: new SensorLevel('disk'),
    }
  }

  /** Returns the levels after the readings of one more window; `CALM` if all are 0. */
  read(readings: Readings): SensorLevels {
    const level = (sensor: Sensor, spanMsMax: number): OverloadLevel => {
      const spanMs = Math.min(readings.spanMs, spanMsMax)
      return this.#sensors[sensor].read(partsOf(sensor, readings, this.#thresholds), spanMs)
    }
    const levels: SensorLevels = {
      'loop-delay': level('loop-delay', LATE_SPAN_MS_MAX),
      'commit-age': level('commit-age', SPAN_MS_MAX),
      memory: level('memory', SPAN_MS_MAX),
      disk: level('disk', SPAN_MS_MAX),
    }
    return SENSORS.every(sensor => levels[sensor] === 0) ? CALM : levels
  }
}

/** The level of one sensor: it rises as soon as a reading has held for long enough, and falls by one after calm. */
class SensorLevel {
  readonly #holdMs: number
  readonly #calmPart: number
  readonly #heldMs: [number, number, number] = [0, 0, 0]
  #level: OverloadLevel = 0
  #calmMs = 0

  constructor(sensor: Sensor) {
    this.#holdMs = HOLD_MS[sensor]
    this.#calmPart = CALM_PART[sensor]
  }

  read(parts: Parts, spanMs: number): OverloadLevel {
    for (const level of [1, 2, 3] as const) {
      const at = level - 1
      if ((parts[at] ?? 0) < 1) {
        this.#heldMs[at] = 0
        continue
      }
      this.#heldMs[at] = (this.#heldMs[at] ?? 0) + spanMs
      if (level > this.#level && (this.#heldMs[at] ?? 0) >= this.#holdMs) this.#set(level)
    }
    if (this.#level > 0) this.#fallAfterCalm(parts[this.#level - 1] ?? 0, spanMs)
    return this.#level
  }

  #fallAfterCalm(part: number, spanMs: number): void {
    if (part >= this.#calmPart) {
      this.#calmMs = 0
      return
    }
    this.#calmMs += spanMs
    if (this.#calmMs >= CALM_MS) this.#set(LOWER[this.#level])
  }

  #set(level: OverloadLevel): void {
    this.#level = level
    this.#calmMs = 0
  }
}

const LOWER: Readonly<Record<OverloadLevel, OverloadLevel>> = { 0: 0, 1: 0, 2: 1, 3: 2 }

function partsOf(
  sensor: Sensor,
  readings: Readings,
  { level1, level2, level3 }: OverloadThresholds,
): Parts {
  const { loopDelayMs, processorPart, commitAgeMs, memoryPart, disk } = readings
  switch (sensor) {
    case 'loop-delay': {
      const delay = processorPart < PROCESSOR_PART_MIN ? 0 : loopDelayMs
      return [delay / level1.loopDelayMs, delay / level2.loopDelayMs, delay / level3.loopDelayMs]
    }
    case 'commit-age':
      return [
        commitAgeMs / level1.commitAgeMs,
        commitAgeMs / level2.commitAgeMs,
        commitAgeMs / level3.commitAgeMs,
      ]
    case 'memory': {
      const percent = 100 * memoryPart
      return [
        percent / level1.memoryPercent,
        percent / level2.memoryPercent,
        percent / level3.memoryPercent,
      ]
    }
    case 'disk':
      return disk === null ? [0, 0, 0] : [0, fullness(disk, level2), fullness(disk, level3)]
  }
}

/** The threshold is a part of the disk or a number of bytes, whichever is smaller: a part of a large disk is much. */
function fullness(
  { freeBytes, totalBytes }: NonNullable<Readings['disk']>,
  { diskFreePercent, diskFreeBytes }: DiskThresholds,
): number {
  const threshold = Math.min((totalBytes * diskFreePercent) / 100, diskFreeBytes)
  if (threshold === 0) return 0
  return freeBytes === 0 ? Infinity : threshold / freeBytes
}
