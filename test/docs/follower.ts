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
import { blocksOf, commandsIn, NPM, ROOT } from './pages.ts'

const RUN_MS_MAX = 60_000
const STARTS_BROKER = /^(?:npx )?pondhawk start\b|^npm install && npm start$/
const SUBSCRIBES = /^(?:npx )?(?:pondhawk |mosquitto_)sub\b(?!.* -[CEW]\b)/
const CLIENT = /^((?:npx )?(?:pondhawk (?:pub|sub)|mosquitto_(?:pub|sub)))(?!.* -p )/
/** They serve until they are ended. */
const SERVES = /^python3 -m http\.server|^curl .*-N /

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
  readonly #page: string
  readonly #folder: string
  readonly #ports = new Map<string, string>()
  readonly #adapted: (line: string) => string
  /** What `--generate` printed last: the page calls it PASSWORD. */
  #password = 'PASSWORD'
  #broker: Running | null = null
  #listener: Running | null = null
  #hasListeners = false
  #subscriptions = 0
  /** What each command printed. */
  readonly outputs: string[] = []

  private constructor(t: Test, page: string, adapted: (line: string) => string) {
    this.#t = t
    this.#page = page
    this.#adapted = adapted
    this.#folder = mkdtempSync(join(tmpdir(), 'pondhawk-docs-'))
    this.#writes('bin/pondhawk', `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`)
    this.#writes('bin/npx', '#!/bin/sh\nexec "$@"\n')
    for (const name of ['pondhawk', 'npx']) chmodSync(resolve(this.#folder, 'bin', name), 0o755)
    for (const name of ['certs/make-certs.sh', 'node_modules']) {
      mkdirSync(dirname(resolve(this.#folder, name)), { recursive: true })
      symlinkSync(resolve(ROOT, name), resolve(this.#folder, name))
    }
  }

  /** Follows the whole page. */
  static async through(t: Test, page: string, situation: Situation = {}): Promise<Follower> {
    const { files = {}, before = [], adapted = line => line } = situation
    const follower = new Follower(t, page, adapted)
    for (const port of ['1883', '8083', '8883', '8000'])
      follower.#ports.set(port, String(await freePort()))
    for (const [name, text] of Object.entries(files)) follower.#writes(name, text)
    t.teardown(() => {
      follower.#broker?.process.kill('SIGKILL')
      follower.#listener?.process.kill('SIGKILL')
      rmSync(follower.#folder, { recursive: true, force: true })
    })
    if (before.length > 0) follower.#writesAll()
    for (const command of before) await follower.#types(command, false)
    for (const { language, code, marks, line } of blocksOf(page)) {
      if (marks.has('stops')) await follower.#stops()
      if (marks.has('not run')) continue
      const file = marks.get('file')
      if (file !== undefined) follower.#writes(file, code)
      else if (marks.has('printed')) await follower.#printed(code, line)
      else if (language === 'sh') {
        for (const command of commandsIn({ language, code, marks, line }))
          await follower.#types(command, marks.has('fails'))
      }
    }
    return follower
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

  async #types(command: string, fails: boolean): Promise<void> {
    const line = this.#here(command)
    if (STARTS_BROKER.test(line)) return this.#starts(line)
    if (NPM.test(line)) return undefined
    if (SERVES.test(line))
      return this.#listens(line, line.startsWith('python3') ? 'Serving HTTP' : '')
    if (SUBSCRIBES.test(line)) {
      await this.#listens(line)
      return this.logged('"client.subscribed"', ++this.#subscriptions)
    }
    const { status, output } = await this.#run(line)
    // curl ends with 0 also when it was refused.
    const isRefused = status !== 0 || output.startsWith('{"type":"about:blank"')
    this.#t.equal(isRefused, fails, `${this.#page}: ${line}: status ${status}, ${output}`)
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
    this.#subscriptions = 0
    this.#broker = this.#spawned(line.replace(/^npm install && npm start/, 'pondhawk start'))
    await this.logged('"broker.ready"')
  }

  async #listens(line: string, sign?: string): Promise<void> {
    this.#listener?.process.kill('SIGKILL')
    const listener = this.#spawned(line)
    this.#listener = listener
    while (sign !== undefined && !listener.said.includes(sign))
      await once(listener.process.stdout ?? listener.process, 'data')
  }

  /** What is expected is what the last command printed, or what a subscriber in another terminal prints by now. */
  async #printed(expected: string, line: number): Promise<void> {
    const text = this.#here(expected)
    const pattern = new RegExp(
      text
        .trimEnd()
        .split('…')
        .map(part => part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
        .join('[^]*'),
    )
    const listener = this.#listener
    const last = this.outputs.at(-1) ?? ''
    for (let tries = 0; tries < 250 && listener !== null && !pattern.test(last); tries++) {
      if (pattern.test(listener.said)) break
      await new Promise(settle => setTimeout(settle, 20))
    }
    const said = pattern.test(last) ? last : (listener?.said ?? last)
    this.#t.match(said, pattern, `${this.#page}:${line}`)
  }

  /** As the page has it, with the ports, names and passwords of this run. */
  #here(text: string): string {
    return this.#adapted(text)
      .replace(CLIENT, '$1 -p 1883')
      .replaceAll(/(?<![\d.])(?:1883|8083|8883|8000)(?!\d)/g, port => this.port(port))
      .replaceAll('PASSWORD', this.#password)
  }

  #writesAll(): void {
    for (const { code, marks } of blocksOf(this.#page)) {
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
