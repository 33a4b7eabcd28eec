// The figures of the last minute, hour and day, in fixed memory: the mean and the highest value of each step.

/** The series, in the order of their places in memory. */
export const SERIES = [
  'messagesReceived',
  'messagesSent',
  'bytesReceived',
  'bytesSent',
  'dropped',
  'publishesRefused',
  'subscribesRefused',
  'connectionsAccepted',
  'connectionsRefused',
  'connectionsLost',
  'clientsConnected',
  'sessions',
  'subscriptions',
  'retainedMessages',
  'queuedMessages',
  'keptHeapBytes',
  'residentBytes',
  'processorPercent',
  'storeFreeBytes',
  'overloadLevel',
  'deliverP99Ms',
  'commitP99Ms',
  'connectP99Ms',
  'loopP99Ms',
] as const

type SeriesName = (typeof SERIES)[number]
/** NaN where there is none. */
export type Sample = Readonly<Record<SeriesName, number>>

export const RANGES = {
  '60s': { stepSeconds: 1, steps: 60 },
  '1h': { stepSeconds: 10, steps: 360 },
  '24h': { stepSeconds: 300, steps: 288 },
} as const

type RangeName = keyof typeof RANGES

type Values = Readonly<Record<string, readonly (number | null)[]>>

interface HistoryRange {
  readonly stepSeconds: number
  /** The beginning of the first step, in milliseconds since 1970. */
  readonly startAt: number
  readonly mean: Values
  readonly max: Values
}

const RANGE_NAMES = Object.keys(RANGES) as RangeName[]
const STEPS = RANGE_NAMES.reduce((sum, name) => sum + RANGES[name].steps, 0)
/** Means and highest values. */
const KINDS = 2
export const VALUES = SERIES.length * STEPS * KINDS

interface Ring {
  readonly stepSeconds: number
  readonly steps: number
  /** Its first value in the memory of all. */
  readonly start: number
  /** The number of the present step since 1970; NaN before the first sample. */
  step: number
  /** The samples of the present step that had a value. */
  readonly samples: Float64Array
}

export class History {
  readonly values: Float64Array = new Float64Array(VALUES).fill(NaN)
  /** The figures of the last second; null before the first. */
  latest: Sample | null = null
  readonly #rings = ringsIn()

  /** Adds the figures of a second. `now` is in milliseconds since 1970. */
  add(now: number, sample: Sample): void {
    this.latest = sample
    for (const ring of this.#rings) {
      this.#goTo(ring, Math.floor(now / 1_000 / ring.stepSeconds))
      for (const [series, name] of SERIES.entries()) this.#addValue(ring, series, sample[name])
    }
  }

  of(name: RangeName): HistoryRange {
    const ring = this.#rings[RANGE_NAMES.indexOf(name)]
    const { stepSeconds, steps } = RANGES[name]
    const last = ring === undefined || Number.isNaN(ring.step) ? steps - 1 : ring.step
    const valuesOf = (kind: number): Values =>
      Object.fromEntries(
        SERIES.map((each, series) => [
          each,
          Array.from({ length: steps }, (_, index) =>
            ring === undefined ? null : this.#at(ring, series, kind, last - steps + 1 + index),
          ),
        ]),
      )
    const startAt = (last - steps + 1) * stepSeconds * 1_000
    return { stepSeconds, startAt, mean: valuesOf(0), max: valuesOf(1) }
  }

  /** The present steps of the ranges; NaN before the first sample. */
  get steps(): readonly number[] {
    return this.#rings.map(({ step }) => step)
  }

  /** Continues what another process has kept. */
  restore(values: Float64Array, steps: readonly number[]): void {
    this.values.set(values)
    for (const [index, ring] of this.#rings.entries()) ring.step = steps[index] ?? NaN
  }

  #addValue(ring: Ring, series: number, value: number): void {
    if (Number.isNaN(value)) return
    const mean = placeOf(ring, series, 0, ring.step)
    const max = placeOf(ring, series, 1, ring.step)
    const before = ring.samples[series] ?? 0
    const samples = before + 1
    ring.samples[series] = samples
    const old = before === 0 ? 0 : (this.values[mean] ?? 0)
    this.values[mean] = old + (value - old) / samples
    const highest = this.values[max] ?? NaN
    this.values[max] = before === 0 || value > highest ? value : highest
  }

  /** Makes the step the present one. Steps without a sample, and those after a clock was set back, have no values. */
  #goTo(ring: Ring, step: number): void {
    if (step === ring.step) return
    const goesBack = step < ring.step
    const from = goesBack ? step : Math.max(ring.step + 1, step - ring.steps + 1)
    const to = goesBack ? Math.min(ring.step, step + ring.steps - 1) : step
    for (let each = Number.isNaN(from) ? step : from; each <= to; each++) this.#clear(ring, each)
    ring.step = step
    ring.samples.fill(0)
  }

  #clear(ring: Ring, step: number): void {
    for (let series = 0; series < SERIES.length; series++) {
      for (let kind = 0; kind < KINDS; kind++) {
        this.values[placeOf(ring, series, kind, step)] = NaN
      }
    }
  }

  #at(ring: Ring, series: number, kind: number, step: number): number | null {
    const value = this.values[placeOf(ring, series, kind, step)] ?? NaN
    return Number.isNaN(value) ? null : value
  }
}

function placeOf(ring: Ring, series: number, kind: number, step: number): number {
  return ring.start + (series * KINDS + kind) * ring.steps + (step % ring.steps)
}

function ringsIn(): readonly Ring[] {
  let start = 0
  return RANGE_NAMES.map(name => {
    const { stepSeconds, steps } = RANGES[name]
    const samples = new Float64Array(SERIES.length)
    const ring = { stepSeconds, steps, start, step: NaN, samples }
    start += SERIES.length * KINDS * steps
    return ring
  })
}
