// `npm run bench`: runs every scenario with every installed broker, prints a table and stores the results.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { aedes } from './brokers/aedes.ts'
import type { BrokerKind } from './brokers/broker.ts'
import { mosquitto } from './brokers/mosquitto.ts'
import { peersIn } from './brokers/peer.ts'
import { frontEnded, inNats, otherBuild, pondhawk, restricted } from './brokers/pondhawk.ts'
import { chartOfRuns, CURVES } from './curves.ts'
import { describeMachine } from './machine.ts'
import { type BenchOptions, HELP, optionsOf } from './options.ts'
import { publishResults } from './publish-results.ts'
import { curveTable } from './report/curve-table.ts'
import { type Results, type Run, storedResults } from './report/results.ts'
import { cpuMicrosecondsOf, partsOf, summarise } from './report/summary.ts'
import { figure, tableOf } from './report/table.ts'
import { type Scenario, SCENARIOS } from './scenarios.ts'
import { measureRouting } from './routing.ts'
import { runSession } from './session.ts'

const RESULTS = resolve(import.meta.dirname, '../../bench/results')

const options = optionsOf(process.argv.slice(2))
if (options === null) process.stdout.write(HELP)
else if (options.isDocs) publishResults(RESULTS)
else if (options.isRouting) process.stdout.write(`${measureRouting(RESULTS)}\n`)
else await main(options)

async function main(bench: BenchOptions): Promise<void> {
  const scenarios = bench.isCurves ? scenariosOfCurves(bench) : chosenScenarios(bench)
  const directory = join(RESULTS, 'work')
  mkdirSync(directory, { recursive: true })
  const machine = describeMachine(directory)
  const brokers = chosenBrokers(bench)
  const measured = await runSession({ ...bench, scenarios, brokers, directory, heard: printRun })
  const name = nameOfResults(bench)
  // Curves take long, so they can be measured one by one.
  const runs = bench.isCurves ? [...othersStored(name, measured), ...measured] : measured
  const { repetitions, seconds } = bench
  const date = new Date().toISOString().slice(0, 10)
  const results: Results = { date, machine, seconds, repetitions, runs }
  const report = bench.isCurves
    ? curveReport(runs)
    : tableOf(summarise(scenarios, runs, 'pondhawk'))
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(results, null, 1)}\n`)
  writeFileSync(join(RESULTS, `${name}.md`), `${report}\n`)
  process.stdout.write(`\n${report}\n\nstored in bench/results/${name}.json and ${name}.md\n`)
}

function nameOfResults({ isCurves, isQuick, only }: BenchOptions): string {
  if (isCurves) return 'curves'
  if (only.length > 0) return 'selection'
  return isQuick ? 'quick' : 'scenarios'
}

/** Returns the stored runs that were not measured again. */
function othersStored(name: string, measured: readonly Run[]): readonly Run[] {
  const stored = storedResults(join(RESULTS, `${name}.json`))?.runs ?? []
  return stored.filter(
    ({ scenario, broker }) =>
      !measured.some(run => run.scenario === scenario && run.broker === broker),
  )
}

function chosenScenarios({ isQuick, only }: BenchOptions): readonly Scenario[] {
  assertKnown(only, SCENARIOS)
  if (only.length > 0) return SCENARIOS.filter(({ name }) => only.includes(name))
  return isQuick ? SCENARIOS.filter(scenario => scenario.isQuick) : SCENARIOS
}

function scenariosOfCurves({ only }: BenchOptions): readonly Scenario[] {
  assertKnown(only, CURVES)
  return CURVES.filter(({ name }) => only.length === 0 || only.includes(name)).flatMap(curve =>
    curve.points.map(point => point.scenario),
  )
}

function assertKnown(only: readonly string[], all: readonly { readonly name: string }[]): void {
  const names = all.map(({ name }) => name)
  const unknown = only.filter(name => !names.includes(name))
  if (unknown.length === 0) return
  throw new Error(`nothing is called ${unknown.join(', ')}; there are ${names.join(', ')}`)
}

function chosenBrokers({ brokers, profileDirectory }: BenchOptions): readonly BrokerKind[] {
  const peers = peersIn(process.env['PEER'] ?? '')
  const before = process.env['BEFORE'] ?? ''
  const others = before === '' ? [] : [otherBuild(before)]
  const plain = [pondhawk(profileDirectory), ...others, mosquitto, aedes, ...peers]
  // Only where they are named.
  const all = [
    ...plain,
    ...restricted(before),
    frontEnded(profileDirectory),
    ...inNatsOf(profileDirectory),
  ]
  return brokers.length === 0 ? plain : all.filter(({ name }) => brokers.includes(name))
}

/** `NATS`: the address of a server for the broker with that name. */
function inNatsOf(profileDirectory: string | null): readonly BrokerKind[] {
  const server = process.env['NATS'] ?? ''
  return server === '' ? [] : [inNats(server, profileDirectory)]
}

function curveReport(runs: readonly Run[]): string {
  return CURVES.map(curve => chartOfRuns(curve, runs))
    .filter(({ lines }) => lines.size > 0)
    .map(chart => `${chart.title}\n\n${curveTable(chart)}`)
    .join('\n\n')
}

function printRun({ scenario, broker, measurement, sentence }: Run): void {
  const name = `${scenario.padEnd(20)} ${broker.padEnd(10)}`
  if (measurement === null) {
    process.stdout.write(`${name} not run: ${sentence ?? ''}\n`)
    return
  }
  const perSecond = figure(measurement.operations / measurement.seconds).padStart(10)
  const cpu = figure(cpuMicrosecondsOf(measurement)).padStart(6)
  const problem = measurement.problems.length === 0 ? '' : `  INVALID: ${measurement.problems[0]}`
  const parts = partsOf(measurement)
  process.stdout.write(
    `${name} ${perSecond}/s ${cpu} µs${parts === '' ? '' : ` (${parts})`}${problem}\n`,
  )
}
