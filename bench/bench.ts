// `npm run bench`: every scenario against every broker that is here; prints a table and stores what it found.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { aedes } from './brokers/aedes.ts'
import type { BrokerKind } from './brokers/broker.ts'
import { mosquitto } from './brokers/mosquitto.ts'
import { peersIn } from './brokers/peer.ts'
import { pondhawk } from './brokers/pondhawk.ts'
import { describeMachine } from './machine.ts'
import { type BenchOptions, HELP, optionsOf } from './options.ts'
import type { Results, Run } from './report/results.ts'
import { cpuMicrosecondsOf, summarise } from './report/summary.ts'
import { figure, tableOf } from './report/table.ts'
import { type Scenario, SCENARIOS } from './scenarios.ts'
import { runSession } from './session.ts'

const RESULTS = resolve(import.meta.dirname, '../../bench/results')

const options = optionsOf(process.argv.slice(2))
if (options === null) process.stdout.write(HELP)
else await main(options)

async function main(bench: BenchOptions): Promise<void> {
  const scenarios = chosenScenarios(bench)
  const brokers = chosenBrokers(bench)
  const directory = join(RESULTS, 'work')
  mkdirSync(directory, { recursive: true })
  const machine = describeMachine(directory)
  const runs = await runSession({ ...bench, scenarios, brokers, directory, heard: printRun })
  const { repetitions, seconds } = bench
  const date = new Date().toISOString().slice(0, 10)
  const results: Results = { date, machine, seconds, repetitions, runs }
  const table = tableOf(summarise(scenarios, runs, 'pondhawk'))
  const name = bench.isQuick ? 'quick' : 'scenarios'
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(results, null, 1)}\n`)
  writeFileSync(join(RESULTS, `${name}.md`), `${table}\n`)
  process.stdout.write(`\n${table}\n\nstored in bench/results/${name}.json and ${name}.md\n`)
}

function chosenScenarios({ isQuick, only }: BenchOptions): readonly Scenario[] {
  const unknown = only.filter(name => !SCENARIOS.some(scenario => scenario.name === name))
  if (unknown.length > 0) {
    const known = SCENARIOS.map(({ name }) => name).join(', ')
    throw new Error(`there is no scenario ${unknown.join(', ')}; there are ${known}`)
  }
  if (only.length > 0) return SCENARIOS.filter(({ name }) => only.includes(name))
  return isQuick ? SCENARIOS.filter(scenario => scenario.isQuick) : SCENARIOS
}

function chosenBrokers({ brokers, profileDirectory }: BenchOptions): readonly BrokerKind[] {
  const peers = peersIn(process.env['PEER'] ?? '')
  const all = [pondhawk(profileDirectory), mosquitto, aedes, ...peers]
  return brokers.length === 0 ? all : all.filter(({ name }) => brokers.includes(name))
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
  process.stdout.write(`${name} ${perSecond}/s ${cpu} µs${problem}\n`)
}
