// One session of the benchmark: every scenario with every broker in turn, several times.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BrokerKind, freePort, type Place, startBroker } from './brokers/broker.ts'
import type { Measurement, Task } from './job.ts'
import { makeCertificates } from './certificates.ts'
import type { Run } from './report/results.ts'
import type { Scenario } from './scenarios.ts'

export interface SessionOptions {
  readonly scenarios: readonly Scenario[]
  readonly brokers: readonly BrokerKind[]
  readonly repetitions: number
  readonly warmUpSeconds: number
  readonly seconds: number
  readonly brokerCpus: string
  readonly generatorCpus: string
  /** The directory of stores and configurations while a broker runs. */
  readonly directory: string
  readonly heard: (run: Run) => void
}

const GENERATOR = join(import.meta.dirname, 'generator/generator.js')
const OUTPUT_BYTES_MAX = 1_048_576
/** Enough time for connecting, a million filters and draining. A broker that takes longer does not answer. */
const TASK_SECONDS_MAX = 120
const KEPT_SECONDS_MAX = 1_200

export async function runSession(options: SessionOptions): Promise<readonly Run[]> {
  const { scenarios, brokers, repetitions, heard } = options
  const runs: Run[] = []
  const hopeless = new Set<string>()
  for (const scenario of scenarios) {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const broker of brokers) {
        const pair = `${scenario.name} ${broker.name}`
        if (hopeless.has(pair)) continue
        const run = await runOnce(scenario, broker, repetition, options)
        // A broker that cannot do the scenario is not asked again.
        if (run.measurement === null) hopeless.add(pair)
        runs.push(run)
        heard(run)
      }
    }
  }
  return runs
}

async function runOnce(
  scenario: Scenario,
  broker: BrokerKind,
  repetition: number,
  options: SessionOptions,
): Promise<Run> {
  const lack = broker.lacks(scenario)
  const base = { scenario: scenario.name, broker: broker.name, repetition }
  if (lack !== null) return { ...base, measurement: null, sentence: lack }
  try {
    return { ...base, measurement: await measure(scenario, broker, options), sentence: null }
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error)
    return { ...base, measurement: null, sentence: sentence.split('\n').slice(0, 3).join(' ') }
  }
}

async function measure(
  scenario: Scenario,
  broker: BrokerKind,
  options: SessionOptions,
): Promise<Measurement> {
  const place = await newPlace(options.directory)
  try {
    const running = await startBroker(broker, scenario, place, options.brokerCpus)
    try {
      const { port, caFile } = place
      const { transport, job } = scenario
      const { warmUpSeconds, seconds, generatorCpus } = options
      const address = { host: '127.0.0.1', port, transport, caFile }
      const task = { job, address, brokerPid: running.pid, warmUpSeconds, seconds }
      return await generate(task, generatorCpus)
    } finally {
      await running.stop()
    }
  } finally {
    rmSync(place.directory, { recursive: true, force: true })
  }
}

async function newPlace(parent: string): Promise<Place> {
  const certificates = join(parent, 'certificates')
  mkdirSync(parent, { recursive: true })
  if (!existsSync(certificates)) makeCertificates(certificates)
  return {
    directory: mkdtempSync(join(parent, 'run-')),
    port: await freePort(),
    caFile: join(certificates, 'ca.crt'),
    certFile: join(certificates, 'server.crt'),
    keyFile: join(certificates, 'server.key'),
  }
}

function generate(task: Task, cpus: string): Promise<Measurement> {
  const command = ['-c', cpus, process.execPath, GENERATOR, JSON.stringify(task)]
  const secondsMax = task.job.kind === 'kept' ? KEPT_SECONDS_MAX : TASK_SECONDS_MAX
  return new Promise((resolve, reject) => {
    execFile(
      'taskset',
      command,
      { timeout: secondsMax * 1_000, maxBuffer: OUTPUT_BYTES_MAX },
      (error, stdout, stderr) => {
        if (error === null) resolve(JSON.parse(stdout) as Measurement)
        else if (error.killed === true) reject(new Error(`not finished after ${secondsMax} s`))
        else reject(new Error(reasonIn(stderr) ?? error.message))
      },
    )
  })
}

/** Returns the message of an uncaught error from the lines that Node prints about it. */
function reasonIn(stderr: string): string | null {
  return /^(?:\w*Error: .+)$/m.exec(stderr)?.[0] ?? null
}
