// Reads the sensors of overload ten times a second, or once a second while the broker is idle. Sets the level, and reports changes.

import {
  CALM,
  highest,
  OverloadLevels,
  type OverloadThresholds,
  type Readings,
  type Sensor,
  type SensorLevels,
  SENSORS,
} from '../broker/overload-levels.ts'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'
import { FileStore } from '../store/file-store.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Core } from './core.ts'
import { storeDirectory } from './create-store.ts'
import { OverloadSensors } from './overload-sensors.ts'

const WINDOW_MS = 100
/** After so many windows without a turn, windows are longer and the event loop is not sampled, so that an idle broker uses little CPU. */
const QUIET_WINDOWS = 3
const QUIET_WINDOW_MS = 1_000
/** How long memory is at level 3 before garbage is collected, and the least time between two collections. */
const FULL_MS_MAX = 1_000
const COLLECTIONS_MS_MIN = 10_000

interface OverloadWatchOptions {
  readonly core: Core
  readonly thresholds: OverloadThresholds
  readonly log: Log
  /** Is told of all readings. */
  readonly read?: (readings: Readings) => void
  readonly sensors: { read(): Readings; rest(isQuiet: boolean): void; close(): void }
  /**
   * Collects garbage. At level 3 nobody publishes, so little is allocated and V8 may not notice for long that most of the heap is
   * garbage by now.
   */
  readonly collectGarbage: () => void
}

/** Returns the watch of a configuration; null if `overload.enabled` is false. */
export function overloadWatch(
  core: Core,
  config: Config,
  log: Log,
  { now, read }: { readonly now: () => number; readonly read: (readings: Readings) => void },
): OverloadWatch | null {
  const { overload } = config
  if (!overload.enabled) return null
  const { turn, store } = core
  const sensors = new OverloadSensors({
    directory: store instanceof FileStore ? storeDirectory(config) : null,
    now: () => performance.now(),
    // A commit that waits for room on a full disk is not late: the disk has a sensor of its own.
    commitAgeMs: () => (core.broker.storeIsFull ? 0 : Math.max(0, now() - turn.uncommittedSince)),
  })
  return new OverloadWatch({ core, thresholds: overload, log, sensors, read, collectGarbage })
}

export class OverloadWatch {
  readonly #options: OverloadWatchOptions
  readonly #levels: OverloadLevels
  #timer: NodeJS.Timeout | undefined
  #fullMs = 0
  #sinceCollectionMs = COLLECTIONS_MS_MIN
  /** The number of turns at the end of the last window, and of windows since then. */
  #turns = 0
  #quietWindows = 0

  constructor(options: OverloadWatchOptions) {
    this.#options = options
    this.#levels = new OverloadLevels(options.thresholds)
  }

  start(): void {
    this.#windowsOf(WINDOW_MS)
  }

  /** A turn has ended. */
  turnEnded(): void {
    if (this.#quietWindows < QUIET_WINDOWS) return
    this.#quietWindows = 0
    this.#options.sensors.rest(false)
    this.#windowsOf(WINDOW_MS)
  }

  #windowsOf(milliseconds: number): void {
    clearInterval(this.#timer)
    this.#timer = setInterval(() => this.readSensors(), milliseconds).unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#options.sensors.close()
  }

  /** Reads the sensors at the end of a window. */
  readSensors(): void {
    const { core, sensors } = this.#options
    const readings = sensors.read()
    this.#options.read?.(readings)
    const before = core.broker.overload.levels
    const levels = this.#levels.read(readings)
    for (const sensor of SENSORS) {
      if (levels[sensor] !== before[sensor]) this.#report(sensor, levels, before, readings)
    }
    if (levels !== CALM || before !== CALM) core.overloaded(levels)
    this.#collectGarbage(levels, readings)
    this.#rest(levels === CALM && core.turn.turns === this.#turns)
    this.#turns = core.turn.turns
  }

  #rest(isQuiet: boolean): void {
    if (this.#quietWindows >= QUIET_WINDOWS) return
    this.#quietWindows = isQuiet ? this.#quietWindows + 1 : 0
    if (this.#quietWindows < QUIET_WINDOWS) return
    this.#options.sensors.rest(true)
    this.#windowsOf(QUIET_WINDOW_MS)
  }

  #collectGarbage({ memory }: SensorLevels, { spanMs }: Readings): void {
    this.#sinceCollectionMs += spanMs
    this.#fullMs = memory === 3 ? this.#fullMs + spanMs : 0
    if (this.#fullMs < FULL_MS_MAX || this.#sinceCollectionMs < COLLECTIONS_MS_MIN) return
    this.#sinceCollectionMs = 0
    this.#options.collectGarbage()
  }

  #report(sensor: Sensor, levels: SensorLevels, before: SensorLevels, readings: Readings): void {
    const { log } = this.#options
    const level = levels[sensor]
    const fields = {
      event: 'overload.level',
      level: highest(levels),
      sensor,
      cause: `${CAUSES[sensor]}: level ${level}`,
      ...valueOf(sensor, readings),
    }
    if (level > before[sensor]) log.warn(fields, 'overload rises')
    else log.info(fields, 'overload falls')
  }
}

/** What the sensor measures. The line of the log adds its new level, which may be 0. */
const CAUSES: Readonly<Record<Sensor, string>> = {
  'loop-delay': 'delay of the event loop',
  'commit-age': 'age of the oldest change that is not stored',
  memory: 'used memory',
  disk: 'free space on the disk',
}

/** Returns what the sensor shows, in the unit of its threshold. */
function valueOf(sensor: Sensor, readings: Readings): Readonly<Record<string, number>> {
  const { loopDelayMs, processorPart, commitAgeMs, memoryPart, disk } = readings
  switch (sensor) {
    case 'loop-delay':
      return {
        loopDelayMs: Math.round(loopDelayMs),
        processorPercent: Math.round(100 * processorPart),
      }
    case 'commit-age':
      return { commitAgeMs: Math.round(commitAgeMs) }
    case 'memory':
      return { memoryPercent: Math.round(100 * memoryPart) }
    case 'disk':
      return { diskFreeBytes: disk?.freeBytes ?? 0 }
  }
}
