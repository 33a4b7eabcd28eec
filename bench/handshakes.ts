// A storm of TLS handshakes against one process and against front ends, in turn: CPU a connection, and the delay of the core's event
// loop. `npm run handshakes -- --front-ends 0,2 --rounds 3 --seconds 5`. No process has a CPU of its own.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { makeCertificates } from './certificates.ts'
import type { Measurement, StormJob, Task } from './job.ts'
import { figure } from './report/table.ts'
import { type StartedBroker, startBroker } from './started-broker.ts'

const GENERATOR = join(import.meta.dirname, 'generator/generator.js')
const CONNECTIONS = 20_000
const STORM: StormJob = { kind: 'storm', atOnce: 64, isCycle: false }
const WARM_UP_SECONDS = 2

const { values } = parseArgs({
  options: {
    'front-ends': { type: 'string', default: '0,2' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
  },
})

const directory = mkdtempSync(join(tmpdir(), 'pondhawk-handshakes-'))
try {
  const certificates = join(directory, 'certificates')
  makeCertificates(certificates)
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const count of values['front-ends'].split(',')) await measure(Number(count), certificates)
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function measure(frontEnds: number, certificates: string): Promise<void> {
  const own = mkdtempSync(join(directory, 'run-'))
  const broker = await startBroker(own, configOf(frontEnds, certificates))
  try {
    const before = await delaysOf(broker)
    const measurement = await storm(broker, join(certificates, 'ca.crt'))
    print(frontEnds, measurement, since(before, await delaysOf(broker)))
  } finally {
    const ended = new Promise(resolve => broker.child.once('exit', resolve))
    broker.child.kill('SIGTERM')
    await ended
  }
}

function configOf(frontEnds: number, certificates: string): object {
  const host = '127.0.0.1'
  const tls = {
    certFile: join(certificates, 'server.crt'),
    keyFile: join(certificates, 'server.key'),
  }
  return {
    frontEnds,
    listeners: [
      { host, port: 0, tls, connectionsMax: CONNECTIONS },
      { host, port: 0, protocol: 'ws' },
    ],
    limits: {
      connectionsPerAddressMax: CONNECTIONS,
      strangersPerAddressMax: 0,
      connectionsPerSecondMax: 0,
      connectionsPerSecondPerAddressMax: 0,
      connectsPerSecondMax: 0,
    },
  }
}

async function storm({ child, port }: StartedBroker, caFile: string): Promise<Measurement> {
  const task: Task = {
    job: STORM,
    address: { host: '127.0.0.1', port, transport: 'tls', caFile },
    brokerPid: child.pid ?? 0,
    warmUpSeconds: WARM_UP_SECONDS,
    seconds: Number(values.seconds),
  }
  const { stdout } = await promisify(execFile)(process.execPath, [GENERATOR, JSON.stringify(task)])
  return JSON.parse(stdout) as Measurement
}

/** How many tenths of a second had at most each delay: the buckets of the histogram, by their bounds in milliseconds. */
type Delays = ReadonlyMap<number, number>

async function delaysOf({ webPort }: StartedBroker): Promise<Delays> {
  const answer = await fetch(`http://127.0.0.1:${webPort}/metrics`)
  const text = await answer.text()
  const lines = text.matchAll(/^pondhawk_event_loop_delay_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm)
  return new Map([...lines].map(([, bound, count]) => [msOf(bound), Number(count)]))
}

function msOf(bound = ''): number {
  return bound === '+Inf' ? Infinity : Number(bound) * 1_000
}

function since(before: Delays, after: Delays): Delays {
  return new Map([...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]))
}

/** The bound below which this part of all lies. */
function quantile(delays: Delays, part: number): number {
  const all = delays.get(Infinity) ?? 0
  for (const [bound, count] of delays) if (count >= all * part) return bound
  return Infinity
}

function print(frontEnds: number, measurement: Measurement, delays: Delays): void {
  const { operations, seconds, brokerCpuSeconds, childrenCpuSeconds = 0 } = measurement
  const each = (cpu: number): string => figure((cpu / operations) * 1_000_000)
  const parts = [
    `${frontEnds} front ends: ${figure(operations / seconds)} handshakes/s`,
    `core ${each(brokerCpuSeconds - childrenCpuSeconds)} µs`,
    `front ends ${each(childrenCpuSeconds)} µs each`,
    `p99 of the core's loop delay in each 100 ms: half within ${quantile(delays, 0.5)} ms, 99 % within ${quantile(delays, 0.99)} ms`,
    ...measurement.problems,
  ]
  process.stdout.write(`${parts.join('; ')}\n`)
}
