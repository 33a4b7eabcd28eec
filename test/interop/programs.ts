// Runs real clients as child processes, with a broker inside the test.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createBroker, type EmbeddedBroker, type EmbedOptions } from '../../src/index.ts'

export interface Outcome {
  readonly status: number | null
  readonly output: string
  readonly errors: string
}

/** Returns the words that start a program without what the test runner puts into each Node: that takes as long as a short command. */
export function alone(command: string, args: readonly string[]): readonly string[] {
  return command === process.execPath
    ? ['env', '-u', 'NODE_OPTIONS', command, ...args]
    : [command, ...args]
}

/** A program that was started and what it has printed so far. */
export class Program {
  readonly process: ChildProcess
  output = ''
  errors = ''
  readonly #ended: Promise<number | null>

  constructor(command: string, args: readonly string[]) {
    const [first = command, ...rest] = alone(command, args)
    this.process = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.process.stdout?.on('data', (bytes: Buffer) => (this.output += bytes.toString()))
    this.process.stderr?.on('data', (bytes: Buffer) => (this.errors += bytes.toString()))
    this.#ended = once(this.process, 'close').then(([status]: (number | null)[]) => status ?? null)
  }

  /** Waits until the program has ended by itself. */
  async ends(): Promise<Outcome> {
    const status = await this.#ended
    return { status, output: this.output, errors: this.errors }
  }

  /** Waits until it has printed this. */
  async prints(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      const [chunk] = await Promise.race([
        once(this.process.stdout ?? this.process, 'data'),
        this.#ended.then(() => [null]),
      ])
      if (chunk === null && !this.output.includes(text)) {
        throw new Error(`ended without printing ${text}: ${this.output}${this.errors}`)
      }
    }
  }

  async killed(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.#ended
  }
}

/** Longer than any of them needs, and shorter than a test file may take: what waits for ever is named. */
const RUN_MS_MAX = 120_000

export async function run(command: string, args: readonly string[]): Promise<Outcome> {
  const program = new Program(command, args)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    program.process.kill('SIGKILL')
  }, RUN_MS_MAX)
  const outcome = await program.ends()
  clearTimeout(timer)
  if (!isLate) return outcome
  const { output, errors } = outcome
  throw new Error(`${command} ${args.join(' ')} has not ended: ${output}${errors}`)
}

/** The broker's next event of this name. */
export function next(
  broker: EmbeddedBroker,
  name: 'connected' | 'disconnected' | 'subscribed' | 'published' | 'refused',
): Promise<void> {
  return new Promise(resolve => {
    const listener = (): void => {
      broker.off(name, listener)
      resolve()
    }
    broker.on(name, listener)
  })
}

/** A broker on a free port of this machine, with its port. */
export async function brokerOnPort(
  options: EmbedOptions = {},
): Promise<{ broker: EmbeddedBroker; port: number }> {
  const broker = await createBroker({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    ...options,
  })
  return { broker, port: broker.listeners[0]?.port ?? 0 }
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
