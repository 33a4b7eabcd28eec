// Runs → one row for each scenario and broker: the median run, and its ratio to our broker in the same session.

import type { Measurement } from '../job.ts'
import type { Scenario } from '../scenarios.ts'
import type { Run } from './results.ts'
import { figure } from './table.ts'

export interface Row {
  readonly scenario: Scenario
  readonly broker: string
  /** The run with the median CPU per operation; null when no run is valid. */
  readonly measurement: Measurement | null
  readonly perSecond: number
  readonly cpuMicroseconds: number
  /** CPU per operation divided by that of our broker; null if one of them is missing. */
  readonly timesOurs: number | null
  /** Remarks: why there are no figures, or which runs are invalid. */
  readonly note: string
}

export function summarise(
  scenarios: readonly Scenario[],
  runs: readonly Run[],
  ours: string,
): readonly Row[] {
  return scenarios.flatMap(scenario => {
    const rows = brokersIn(runs, scenario).map(broker => rowOf(scenario, broker, runs))
    const own = rows.find(row => row.broker === ours)
    return rows.map(row => ({ ...row, timesOurs: ratio(row, own) }))
  })
}

/** Whether a run is valid: everything that was sent has arrived, once and in order. */
export function isValid(run: Run): boolean {
  return run.measurement !== null && run.measurement.problems.length === 0
}

export function cpuMicrosecondsOf({ brokerCpuSeconds, operations }: Measurement): number {
  return operations === 0 ? 0 : (brokerCpuSeconds / operations) * 1_000_000
}

/** What of the CPU per operation is that of the first process and of those that it has started; empty if there are none. */
export function partsOf(measurement: Measurement): string {
  const { brokerCpuSeconds, childrenCpuSeconds = 0, operations } = measurement
  if (childrenCpuSeconds === 0 || operations === 0) return ''
  const microseconds = (cpu: number): string => figure((cpu / operations) * 1_000_000)
  const core = microseconds(brokerCpuSeconds - childrenCpuSeconds)
  return `core ${core}, front ends ${microseconds(childrenCpuSeconds)}`
}

function rowOf(scenario: Scenario, broker: string, runs: readonly Run[]): Row {
  const all = runs.filter(run => run.scenario === scenario.name && run.broker === broker)
  const measurement = middle(all.filter(isValid).flatMap(run => run.measurement ?? []))
  const note = noteOf(all)
  if (measurement === null) {
    return {
      scenario,
      broker,
      measurement,
      perSecond: 0,
      cpuMicroseconds: 0,
      timesOurs: null,
      note,
    }
  }
  return {
    scenario,
    broker,
    measurement,
    perSecond: measurement.operations / measurement.seconds,
    cpuMicroseconds: cpuMicrosecondsOf(measurement),
    timesOurs: null,
    note,
  }
}

function middle(measurements: readonly Measurement[]): Measurement | null {
  const sorted = measurements.toSorted((a, b) => cpuMicrosecondsOf(a) - cpuMicrosecondsOf(b))
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null
}

function noteOf(runs: readonly Run[]): string {
  const failed = runs.filter(run => !isValid(run))
  const [first] = failed
  if (first === undefined) return ''
  const why = first.measurement?.problems[0] ?? first.sentence ?? 'no measurement'
  if (first.measurement === null) return why
  return `invalid, ${failed.length} of ${runs.length} runs: ${why}`
}

function ratio(row: Row, own: Row | undefined): number | null {
  if (own === undefined || own.cpuMicroseconds === 0 || row.cpuMicroseconds === 0) return null
  return row.cpuMicroseconds / own.cpuMicroseconds
}

function brokersIn(runs: readonly Run[], scenario: Scenario): readonly string[] {
  return [
    ...new Set(runs.filter(run => run.scenario === scenario.name).map(({ broker }) => broker)),
  ]
}
