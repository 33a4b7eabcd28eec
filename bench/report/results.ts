// The stored results of a run of the benchmark.

import { existsSync, readFileSync } from 'node:fs'
import type { Measurement } from '../job.ts'

export interface Run {
  readonly scenario: string
  readonly broker: string
  readonly repetition: number
  /** The measurement; null if there is none, and then `problem` says why. */
  readonly measurement: Measurement | null
  readonly sentence: string | null
}

export interface Machine {
  readonly processor: string
  readonly kernel: string
  /** Names and versions of the measured brokers, and of Node. */
  readonly versions: Readonly<Record<string, string>>
  /** The time of append and fdatasync of 512 bytes in the directory of the stores, in microseconds. */
  readonly syncMicroseconds: { readonly p50: number; readonly p99: number }
}

export interface Results {
  readonly date: string
  readonly machine: Machine
  readonly seconds: number
  readonly repetitions: number
  readonly runs: readonly Run[]
}

/** Returns null when there are no stored results. */
export function storedResults(file: string): Results | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : null
}
