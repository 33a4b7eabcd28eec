// A broker under test. It runs on a CPU of its own, and the generator connects to it over the network.

import { type ChildProcess, spawn } from 'node:child_process'
import { connect, createServer } from 'node:net'
import type { Job, Transport } from '../job.ts'

export type Durability = 'fsync' | 'os' | 'memory'

/** What a scenario requires of the broker. */
export interface Needs {
  readonly transport: Transport
  /** The durability; null if no session outlives its connection. */
  readonly durability: Durability | null
  /** Whether it needs higher limits than our defaults, for connections, sessions or queued messages. */
  readonly isLarge: boolean
  readonly job: Job
}

/** The directory, port and certificates that a broker is started with. */
export interface Place {
  readonly directory: string
  readonly port: number
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

export interface BrokerKind {
  readonly name: string
  /** Returns why the broker cannot do the scenario, or null. */
  lacks(needs: Needs): string | null
  /** Returns the command that runs it in the foreground. */
  command(needs: Needs, place: Place): readonly string[]
}

export interface RunningBroker {
  readonly pid: number
  stop(): Promise<void>
}

const START_SECONDS_MAX = 20
const STOP_SECONDS_MAX = 20
const LOG_BYTES_MAX = 4_000

export async function startBroker(
  kind: BrokerKind,
  needs: Needs,
  place: Place,
  cpus: string,
): Promise<RunningBroker> {
  const command = kind.command(needs, place)
  const child = spawn('taskset', ['-c', cpus, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PORT: String(place.port) },
  })
  let log = ''
  const keep = (text: Buffer): void => {
    log = (log + text.toString()).slice(-LOG_BYTES_MAX)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const { pid } = child
  if (pid === undefined) throw new Error('taskset cannot be run; on Debian it is in util-linux')
  try {
    await answers(child, place.port)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${kind.name} did not start: ${String(error)}\n${log}`)
  }
  return { pid, stop: () => stop(child) }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** Resolves when a connection to the port is accepted. */
async function answers(child: ChildProcess, port: number): Promise<void> {
  const giveUpAt = performance.now() + START_SECONDS_MAX * 1_000
  while (performance.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`it ended with status ${child.exitCode}`)
    if (await isOpen(port)) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`nothing listens after ${START_SECONDS_MAX} s`)
}

function isOpen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS_MAX * 1_000)
  await ended
  clearTimeout(timer)
}
