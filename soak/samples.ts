// What the broker's process holds, from time to time, and what must be true of it.

import { readdirSync, readFileSync } from 'node:fs'

export interface Sample {
  readonly seconds: number
  readonly residentBytes: number
  readonly descriptors: number
  readonly threads: number
  /** The lines of /metrics, by name with labels. */
  readonly metrics: ReadonlyMap<string, number>
  /** The names of the counters among them, without labels. */
  readonly counters: ReadonlySet<string>
}

const KIB = 1_024
const ANSWER_MILLISECONDS_MAX = 20_000
/** Of the run; before that the broker warms up. */
const WARM_UP_SHARE = 0.25
const GROWTH_MAX = 0.1
const GROWTH_BYTES_MAX = 16 * KIB * KIB

export async function sampleOf(pid: number, webPort: number, seconds: number): Promise<Sample> {
  // An idle connection may end while the next request is on its way.
  const headers = { connection: 'close' }
  const signal = AbortSignal.timeout(ANSWER_MILLISECONDS_MAX)
  const response = await fetch(`http://127.0.0.1:${webPort}/metrics`, { headers, signal })
  const text = await response.text()
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    seconds,
    residentBytes: numberAfter(status, 'VmRSS:') * KIB,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: numberAfter(status, 'Threads:'),
    metrics: metricsIn(text),
    counters: countersIn(text),
  }
}

export function negativesIn({ metrics, seconds }: Sample): readonly string[] {
  return [...metrics]
    .filter(([, value]) => value < 0)
    .map(([name, value]) => `${name} was ${value} after ${seconds.toFixed(0)} s`)
}

/** Counters that went back between two samples. */
export function countersBack(before: Sample, after: Sample): readonly string[] {
  return [...before.metrics]
    .filter(
      ([name, value]) =>
        before.counters.has(name.replace(/\{.*/, '')) && (after.metrics.get(name) ?? value) < value,
    )
    .map(([name, value]) => `${name} went from ${value} to ${after.metrics.get(name)}`)
}

export interface Growth {
  readonly before: number
  readonly after: number
  readonly isFlat: boolean
}

/** Compares the second quarter of the run with its last. */
export function growthOf(samples: readonly Sample[]): Growth {
  const quarter = Math.floor(samples.length * WARM_UP_SHARE)
  const before = medianOf(samples.slice(quarter, 2 * quarter))
  const after = medianOf(samples.slice(-quarter))
  const isFlat = after - before <= Math.max(GROWTH_BYTES_MAX, before * GROWTH_MAX)
  return { before, after, isFlat }
}

function medianOf(samples: readonly Sample[]): number {
  const sorted = samples.map(({ residentBytes }) => residentBytes).sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}

function countersIn(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name = '']) => name))
}

function metricsIn(text: string): ReadonlyMap<string, number> {
  const metrics = new Map<string, number>()
  for (const line of text.split('\n')) {
    const end = line.lastIndexOf(' ')
    if (end > 0 && !line.startsWith('#')) metrics.set(line.slice(0, end), Number(line.slice(end)))
  }
  return metrics
}

function numberAfter(text: string, name: string): number {
  return Number.parseInt(text.slice(text.indexOf(name) + name.length), 10)
}
