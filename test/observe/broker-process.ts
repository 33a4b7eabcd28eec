// A broker as a separate process, whose log is read, read slowly, not read, or whose reader has ended.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { resolve } from 'node:path'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import { CLI } from '../command.ts'

/** A fault of our own, when somebody asks for it. */
const FAULT = `process.on('SIGUSR2', () => { throw new Error('on purpose') })`

export type Reader = 'reads' | 'is slow' | 'has stopped' | 'is gone'

export interface Line {
  readonly level: string
  readonly event?: string
  readonly msg: string
  readonly lines?: number
  readonly more?: number
  readonly [field: string]: unknown
}

export class BrokerProcess {
  readonly process: ChildProcess
  readonly ports: readonly number[]
  readonly directory: string
  #text: string
  #slow: NodeJS.Timeout | undefined

  private constructor(child: ChildProcess, directory: string, text: string) {
    this.process = child
    this.directory = directory
    this.#text = text
    const names = /"listeners":\[(.*?)\]/.exec(text)?.[1] ?? ''
    this.ports = [...names.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
  }

  /** The files lie beside the configuration, whose paths are relative to its directory. */
  static async started(
    t: Test,
    config: Readonly<Record<string, unknown>>,
    files: Readonly<Record<string, string>> = {},
    nodeFlags: readonly string[] = [],
  ): Promise<BrokerProcess> {
    const directory = t.testdir({ ...files })
    const file = resolve(directory, 'pondhawk.yaml')
    writeFileSync(file, stringify({ store: { durability: 'memory' }, ...config }))
    const fault = `data:text/javascript,${encodeURIComponent(FAULT)}`
    const words = [process.execPath, ...nodeFlags, '--import', fault, CLI, 'start', '-c', file]
    // What the test runner puts into each Node that it sees started needs heap and time of its own.
    const child = spawn('env', ['-u', 'NODE_OPTIONS', ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: directory,
    })
    const kill = (): void => void child.kill('SIGKILL')
    t.teardown(kill)
    // A test that is given up has no teardown.
    process.once('exit', kill)
    let text = ''
    const hear = (chunk: Buffer): void => void (text += chunk.toString())
    child.stdout?.on('data', hear)
    while (!text.includes('"ready"') && child.stdout !== null) await once(child.stdout, 'data')
    child.stdout?.pause()
    child.stdout?.off('data', hear)
    return new BrokerProcess(child, directory, text)
  }

  /** What becomes of the log from here on. */
  logged(reader: Reader): void {
    const { stdout } = this.process
    clearInterval(this.#slow)
    stdout?.removeAllListeners('data')
    if (reader === 'is gone') stdout?.destroy()
    if (reader === 'has stopped') stdout?.pause()
    if (reader !== 'reads' && reader !== 'is slow') return
    stdout?.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString()
      if (reader === 'is slow') stdout.pause()
    })
    if (reader === 'is slow') this.#slow = setInterval(() => stdout?.resume(), 50)
    else stdout?.resume()
  }

  /** All lines so far. Throws for one that is no JSON. */
  get lines(): readonly Line[] {
    const whole = this.#text.slice(0, this.#text.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as Line)
  }

  async prints(isSo: (lines: readonly Line[]) => boolean): Promise<void> {
    while (!isSo(this.lines) && this.process.stdout !== null)
      await once(this.process.stdout, 'data')
  }

  async stops(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const ended = once(this.process, 'exit')
    const closed = once(this.process, 'close')
    this.process.kill(signal)
    const [status] = (await ended) as [number | null]
    if (this.process.stdout?.isPaused() === false) await closed
    clearInterval(this.#slow)
    return status
  }

  /** Lines that the traffic of clients has made. */
  get linesOfClients(): number {
    return this.lines.filter(({ event }) => /^client|^publish/.test(event ?? '')).length
  }

  /** As the lines that were printed tell. */
  get linesLeftOut(): number {
    return this.lines.reduce((sum, { lines }) => sum + (lines ?? 0), 0)
  }

  /** Lines that tell of this event, printed or summed up. */
  told(event: string): number {
    return this.lines
      .filter(line => line.event === event)
      .reduce((sum, { more }) => sum + (more ?? 1), 0)
  }
}

/** A client of bytes. */
export class RawClient {
  readonly socket: Socket
  bytes = 0
  #changed: () => void = () => {}

  constructor(port: number, localAddress = '127.0.0.1') {
    this.socket = connect({ host: '127.0.0.1', port, localAddress })
    this.socket.on('data', chunk => {
      this.bytes += chunk.length
      this.#changed()
    })
    this.socket.on('error', () => {})
  }

  says(hex: string): void {
    this.socket.write(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  }

  async hears(bytes: number): Promise<void> {
    while (this.bytes < bytes) await new Promise<void>(changed => (this.#changed = changed))
  }

  async connects(clientId: string): Promise<void> {
    const id = Buffer.from(clientId)
    const size = (value: number): string => value.toString(16).padStart(4, '0')
    const body = `0004 4d515454 04 02 0000 ${size(id.length)} ${id.toString('hex')}`
    const length = body.replaceAll(' ', '').length / 2
    this.says(`10 ${length.toString(16).padStart(2, '0')} ${body}`)
    await this.hears(4)
  }

  /** Is answered so many times, one after the other. */
  async pings(times: number): Promise<void> {
    for (let count = 0; count < times; count++) {
      const before = this.bytes
      this.says('c000')
      await this.hears(before + 2)
    }
  }
}
