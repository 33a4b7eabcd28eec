// A nats-server as a process of its own: the one of the system, or the one that NATS_SERVER names.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const NATS_PROGRAM = process.env['NATS_SERVER'] ?? 'nats-server'
const START_MS_MAX = 20_000

export class NatsServer {
  readonly #directory: string
  readonly #config: string
  #process: ChildProcess | null = null
  port = -1

  /** `config`: lines of its configuration; without any, JetStream in this directory. */
  constructor(directory: string, config: string = `jetstream { store_dir: "${directory}" }`) {
    this.#directory = directory
    this.#config = config
    process.once('exit', () => this.#process?.kill('SIGKILL'))
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  /** Starts it, on the same port as before. */
  async start(): Promise<void> {
    const file = join(this.#directory, 'nats.conf')
    const lines = [`listen: "127.0.0.1:${this.port}"`, `ports_file_dir: "${this.#directory}"`]
    writeFileSync(file, [...lines, this.#config, ''].join('\n'))
    const started = spawn(NATS_PROGRAM, ['-c', file, '-l', join(this.#directory, 'nats.log')], {
      stdio: 'ignore',
    })
    this.#process = started
    const end = Date.now() + START_MS_MAX
    while (!this.#isReady()) {
      if (Date.now() > end || started.exitCode !== null)
        throw new Error('nats-server did not start')
      await sleep(10)
    }
  }

  /** Ends it at once, without a chance to write anything. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process
    this.#process = null
    if (running === null || running.exitCode !== null) return
    const hasEnded = new Promise(resolve => running.once('exit', resolve))
    running.kill(signal)
    await hasEnded
    for (const name of this.#portsFiles()) rmSync(join(this.#directory, name))
  }

  #isReady(): boolean {
    const [name] = this.#portsFiles()
    if (name === undefined) return false
    const text = readFileSync(join(this.#directory, name), 'utf8')
    const port = /nats:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]
    if (port === undefined) return false
    this.port = Number(port)
    return true
  }

  #portsFiles(): readonly string[] {
    if (!existsSync(this.#directory)) return []
    return readdirSync(this.#directory).filter(name => name.endsWith('.ports'))
  }
}
