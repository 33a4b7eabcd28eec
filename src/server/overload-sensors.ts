// The sensors of overload: event loop, processor, commits, memory, disk. They are read every window; see broker/overload-levels.ts.

import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapSpaceStatistics } from 'node:v8'
import type { Readings } from '../broker/overload-levels.ts'
import { cpusIn } from './cpu-quota.ts'
import { memoryHere } from './memory-bounds.ts'

/** How often the delay of the event loop is sampled. Node's figure contains this time. */
export const LOOP_SAMPLE_MS = 20
const DISK_MS = 1_000
/** The three semi-spaces of the young generation are in V8's limit of the heap, and old objects cannot use them. */
const YOUNG_BYTES = 48 * 1_048_576
/** V8 ends the process before the limit, when collections free little: from 80 % of it on. */
const USABLE_PART = 0.9

interface SensorsOptions {
  /** The directory of the store; null if nothing is stored on a disk. */
  readonly directory: string | null
  /** Returns milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** Returns the age of the oldest change that is not committed. */
  readonly commitAgeMs: () => number
  /** Tests replace it. */
  readonly system?: System
}

/** What the system is asked. */
interface System {
  residentBytes(): number
  space(directory: string): Promise<NonNullable<Readings['disk']>>
}

const SYSTEM: System = {
  residentBytes: () => process.memoryUsage.rss(),
  space: async directory => {
    const { bavail, blocks, bsize } = await statfs(directory)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  },
}

export class OverloadSensors {
  readonly #options: SensorsOptions
  readonly #loop = new LoopSensor()
  readonly #processors = processorsAllowed()
  readonly #systemBytes: number
  readonly #oldBytesMax: number
  #readAt: number
  #processorMicroseconds = processorMicroseconds()
  readonly #system: System
  #residentBytes = 0
  /** Null if nothing is stored on a disk. */
  readonly #disk: DiskSensor | null

  constructor(options: SensorsOptions) {
    this.#options = options
    const { directory, system = SYSTEM } = options
    this.#system = system
    this.#disk = directory === null ? null : new DiskSensor(() => system.space(directory))
    this.#readAt = options.now()
    const { heapBytesMax, systemBytes } = memoryHere()
    this.#systemBytes = systemBytes
    this.#oldBytesMax = USABLE_PART * Math.max(heapBytesMax - YOUNG_BYTES, heapBytesMax / 4)
    this.#loop.rest(false)
  }

  /** Returns the readings since the last call. */
  read(): Readings {
    const now = this.#options.now()
    const spanMs = Math.max(1, now - this.#readAt)
    this.#readAt = now
    void this.#disk?.ask(now)
    return {
      spanMs,
      loopDelayMs: this.#loop.delayMs(spanMs),
      processorPart: this.#processorPart(spanMs),
      commitAgeMs: this.#options.commitAgeMs(),
      memoryPart: Math.max(
        oldBytes() / this.#oldBytesMax,
        this.#readResidentBytes() / this.#systemBytes,
      ),
      disk: this.#disk?.space ?? null,
    }
  }

  /** While nothing happens the event loop is not sampled. */
  rest(isQuiet: boolean): void {
    this.#loop.rest(isQuiet)
  }

  close(): void {
    this.#loop.rest(true)
  }

  #processorPart(spanMs: number): number {
    const before = this.#processorMicroseconds
    this.#processorMicroseconds = processorMicroseconds()
    return (this.#processorMicroseconds - before) / (spanMs * 1_000 * this.#processors)
  }

  /** Linux tells it by a file, which cannot be opened without a free descriptor. Then the figure of before stands. */
  #readResidentBytes(): number {
    try {
      this.#residentBytes = this.#system.residentBytes()
    } catch {
      // The next window asks again.
    }
    return this.#residentBytes
  }
}

class LoopSensor {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: LOOP_SAMPLE_MS })
  #isResting = true

  /** Each sample wakes the process. */
  rest(isQuiet: boolean): void {
    this.#isResting = isQuiet
    if (isQuiet) this.#delay.disable()
    else this.#delay.enable()
    this.#delay.reset()
  }

  /** Without any sample the loop stood still for the whole window. A histogram that was reset does not count its first sample. */
  delayMs(spanMs: number): number {
    if (this.#isResting) return 0
    const delay = this.#delay
    const delayMs = delay.count === 0 ? spanMs : delay.percentile(99) / 1_000_000
    delay.reset()
    return delayMs
  }
}

/** A disk may answer late, so its reading is that of an earlier question. */
class DiskSensor {
  /** Null if it is not known. */
  space: Readings['disk'] = null
  readonly #ask: () => Promise<NonNullable<Readings['disk']>>
  #askedAt = -Infinity
  #isAsked = false

  constructor(ask: () => Promise<NonNullable<Readings['disk']>>) {
    this.#ask = ask
  }

  /**
   * Asks once a second. A disk that hangs is not asked again meanwhile: each question keeps one of the few threads of Node's pool. An
   * error leaves it to the store, which reports its own.
   */
  async ask(now: number): Promise<void> {
    if (this.#isAsked || now - this.#askedAt < DISK_MS) return
    this.#askedAt = now
    this.#isAsked = true
    try {
      this.space = await this.#ask()
    } catch {
      this.space = null
    } finally {
      this.#isAsked = false
    }
  }
}

/** Returns the bytes of the heap outside of the young generation. */
function oldBytes(): number {
  let bytes = 0
  for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
    if (!space_name.startsWith('new_')) bytes += space_used_size
  }
  return bytes
}

function processorMicroseconds(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Returns how much of one processor the process may use: less than 1 in a container with such a quota. */
export function processorsAllowed(file = '/sys/fs/cgroup/cpu.max'): number {
  try {
    return Math.min(1, cpusIn(readFileSync(file, 'utf8')))
  } catch {
    return 1
  }
}
