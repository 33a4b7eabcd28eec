// Follows a page as a reader does: writes its files, types its commands one after the other, and compares what is printed with
// what the page says. Only ports are others, so that pages can be followed side by side.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Test } from 'tap'
import { CLI } from '../command.ts'
import { freePort } from '../interop/programs.ts'
import { type Block, blocksOf, commandsIn, NPM, ROOT } from './pages.ts'

const RUN_MS_MAX = 60_000
const STARTS_BROKER = /^(?:npx )?pondhawk start\b|^npm install && npm start$/
const SUBSCRIBES = /^(?:npx )?(?:pondhawk |mosquitto_)sub\b(?!.* -[CEW]\b)/
const CLIENT = /(?<=^|do |\| )((?:npx )?(?:pondhawk (?:pub|sub)|mosquitto_(?:pub|sub)))(?!.* -p )/g
/** They serve until they are ended. The others that do stand below `<!-- runs on: what it prints first -->`. */
const SERVES = /^python3 -m http\.server|^curl .*-N |^nats-server /
const SUBSCRIBED = '"client.subscribed"'

/** What a page takes for granted. */
interface Situation {
  readonly files?: Readonly<Record<string, string>>
  /** Commands that were typed before. */
  readonly before?: readonly string[]
  /** Changes what cannot be typed in a test. */
  readonly adapted?: (line: string) => string
}

interface Running {
  readonly process: ChildProcess
  said: string
}

export class Follower {
  readonly #t: Test
  /** The one that is being followed. */
  #page = ''
  readonly #folder: string
  readonly #ports = new Map<string, string>()
  readonly #adapted: (line: string) => string
  /** What `--generate` printed last: the page calls it PASSWORD. */
  #password = 'PASSWORD'
  #broker: Running | null = null
  readonly #listening: Running[] = []
  readonly #starting: Promise<void>[] = []
  #hasListeners = false
  /** What each command printed. */
  readonly outputs: string[] = []

  private constructor(t: Test, adapted: (line: string) => string) {
    this.#t = t
    this.#adapted = adapted
    this.#folder = mkdtempSync(join(tmpdir(), 'pondhawk-docs-'))
    this.#writes('bin/pondhawk', `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`)
    this.#writes('bin/npx', '#!/bin/sh\nexec "$@"\n')
    // Debian's, which has paho.
    this.#writes('bin/python3', '#!/bin/sh\nexec /usr/bin/python3 "$@"\n')
    for (const name of ['pondhawk', 'npx', 'python3'])
      chmodSync(resolve(this.#folder, 'bin', name), 0o755)
    for (const name of ['certs/make-certs.sh', 'node_modules']) {
      mkdirSync(dirname(resolve(this.#folder, name)), { recursive: true })
      symlinkSync(resolve(ROOT, name), resolve(this.#folder, name))
    }
  }

  /** Follows the whole page, or several beside the same broker. */
  static async through(
    t: Test,
    pages: string | readonly string[],
    situation: Situation = {},
  ): Promise<Follower> {
    const { files = {}, before = [], adapted = line => line } = situation
    const follower = new Follower(t, adapted)
    for (const port of ['1883', '4222', '8083', '8883', '8000'])
      follower.#ports.set(port, String(await freePort()))
    for (const [name, text] of Object.entries(files)) follower.#writes(name, text)
    t.teardown(() => {
      follower.#broker?.process.kill('SIGKILL')
      for (const { process: child } of follower.#listening) child.kill('SIGKILL')
      rmSync(follower.#folder, { recursive: true, force: true })
    })
    const all = [pages].flat()
    if (before.length > 0) for (const page of all) follower.#writesAll(page)
    for (const command of before) await follower.#types(command, new Map())
    for (const page of all) await follower.#follows(page)
    return follower
  }

  async #follows(page: string): Promise<void> {
    this.#page = page
    for (const block of blocksOf(page)) {
      const { language, code, marks, line } = block
      if (marks.has('stops')) await this.#stops()
      if (marks.has('not run')) continue
      const file = marks.get('file')
      if (file !== undefined) this.#writes(file, code)
      else if (marks.has('printed')) await this.#printed(code, line)
      else if (language === 'sh')
        for (const command of commandsIn(block)) await this.#types(command, marks)
    }
  }

  /** Runs one more command; rejects if it fails. */
  async runs(command: string): Promise<string> {
    return this.#run(this.#here(command)).then(({ status, output }) => {
      if (status !== 0) throw new Error(`${command}: status ${status}, ${output}`)
      return output
    })
  }

  /** Waits until the broker has logged this. */
  async logged(text: string, count = 1): Promise<void> {
    const end = performance.now() + RUN_MS_MAX
    while ((this.#broker?.said.split(text).length ?? 0) <= count) {
      if (performance.now() > end) throw new Error(`${this.#page}: the broker logs no ${text}`)
      await new Promise(settle => setTimeout(settle, 20))
    }
  }

  /** The address at which it serves what the page has on this port. */
  port(ofPage: string): string {
    return this.#ports.get(ofPage) ?? ofPage
  }

  async #types(command: string, marks: Block['marks']): Promise<void> {
    const line = this.#here(command)
    if (STARTS_BROKER.test(line)) return this.#starts(line)
    if (NPM.test(line)) return undefined
    const sign = marks.get('runs on')
    // Those of several terminals start together.
    if (sign !== undefined) return void this.#starting.push(this.#listens(line, sign))
    await Promise.all(this.#starting)
    if (SERVES.test(line))
      return this.#listens(line, line.startsWith('python3') ? 'Serving HTTP' : '')
    if (SUBSCRIBES.test(line)) {
      const before = this.#broker?.said.split(SUBSCRIBED).length ?? 1
      await this.#listens(line)
      return this.logged(SUBSCRIBED, before)
    }
    const { status, output } = await this.#run(line)
    // curl ends with 0 also when it was refused.
    const isRefused = status !== 0 || output.startsWith('{"type":"about:blank"')
    this.#t.equal(
      isRefused,
      marks.has('fails'),
      `${this.#page}: ${line}: status ${status}, ${output}`,
    )
    if (line.includes('--generate')) this.#password = output.split('\n')[0] ?? ''
    this.outputs.push(output)
  }

  async #stops(): Promise<void> {
    if (this.#broker === null) return
    this.#broker.process.kill('SIGTERM')
    await once(this.#broker.process, 'exit')
    this.#broker = null
  }

  async #starts(line: string): Promise<void> {
    await this.#stops()
    this.#broker = this.#spawned(line.replace(/^npm install && npm start/, 'pondhawk start'))
    await this.logged('"broker.ready"')
  }

  async #listens(line: string, sign?: string): Promise<void> {
    const listener = this.#spawned(line)
    this.#listening.push(listener)
    while (sign !== undefined && !listener.said.includes(sign))
      await once(listener.process.stdout ?? listener.process, 'data')
  }

  /** What is expected is what the last command printed, or what a program in another terminal has printed by now. */
  async #printed(expected: string, line: number): Promise<void> {
    const text = this.#here(expected)
    const pattern = new RegExp(
      text
        .trimEnd()
        // A line of its own stands for any number of lines.
        .replaceAll(/\n…(?=\n|$)/g, '…')
        .split('…')
        .map(part => part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
        .join('[^]*'),
    )
    const said = (): readonly string[] => [
      this.outputs.at(-1) ?? '',
      ...this.#listening.map(listening => listening.said),
    ]
    for (let tries = 0; tries < 250 && !said().some(text => pattern.test(text)); tries++)
      await new Promise(settle => setTimeout(settle, 20))
    const found = said().find(text => pattern.test(text)) ?? said().join('\n')
    this.#t.match(found, pattern, `${this.#page}:${line}`)
  }

  /** As the page has it, with the ports, names and passwords of this run. */
  #here(text: string): string {
    return this.#adapted(text)
      .replace(CLIENT, '$1 -p 1883')
      .replaceAll(/(?<![\d.])(?:1883|4222|8083|8883|8000)(?!\d)/g, port => this.port(port))
      .replaceAll('PASSWORD', this.#password)
  }

  #writesAll(page: string): void {
    for (const { code, marks } of blocksOf(page)) {
      const file = marks.get('file')
      if (file !== undefined) this.#writes(file, code)
    }
  }

  #writes(name: string, text: string): void {
    const path = resolve(this.#folder, name)
    this.#hasListeners ||= text.startsWith('listeners:')
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, this.#here(text))
  }

  get #options() {
    const { TAP: _tap, NODE_OPTIONS: _options, ...env } = process.env
    return {
      cwd: this.#folder,
      env: {
        ...env,
        PATH: `${this.#folder}/bin:${process.env['PATH']}`,
        PYTHONUNBUFFERED: '1',
        PONDHAWK_LOG__LEVEL: 'debug',
        ...(this.#hasListeners ? {} : { PONDHAWK_LISTENERS: this.#listeners }),
      },
    }
  }

  /** Those of a broker without a configuration. */
  get #listeners(): string {
    return `[{ port: ${this.port('1883')} }, { protocol: ws, port: ${this.port('8083')} }]`
  }

  #spawned(line: string): Running {
    const child = spawn('sh', ['-c', `exec ${line}`], {
      ...this.#options,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const running: Running = { process: child, said: '' }
    child.stdout.on('data', (chunk: Buffer) => (running.said += chunk.toString()))
    return running
  }

  #run(line: string): Promise<{ status: number; output: string }> {
    return new Promise(settle => {
      execFile(
        'sh',
        ['-c', line],
        { ...this.#options, timeout: RUN_MS_MAX },
        (error, stdout, stderr) => {
          const status = error === null ? 0 : Number(error.code ?? 1)
          settle({ status, output: status === 0 ? stdout : stdout + stderr })
        },
      )
    })
  }
}
