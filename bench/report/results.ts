// What a run of the benchmark has found, as it is stored.

import { existsSync, readFileSync } from 'node:fs'
import type { Measurement } from '../job.ts'

export interface Run {
  readonly scenario: string
  readonly broker: string
  readonly repetition: number
  /** Null when there is none; then the sentence says why. */
  readonly measurement: Measurement | null
  readonly sentence: string | null
}

export interface Machine {
  readonly processor: string
  readonly kernel: string
  /** Name and version of what was measured, and of Node. */
  readonly versions: Readonly<Record<string, string>>
  /** Append and fdatasync of 512 bytes where the stores lie, in microseconds. */
  readonly syncMicroseconds: { readonly p50: number; readonly p99: number }
}

export interface Results {
  readonly date: string
  readonly machine: Machine
  readonly seconds: number
  readonly repetitions: number
  readonly runs: readonly Run[]
}

/** Null when nothing is stored there. */
export function storedResults(file: string): Results | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : null
}
