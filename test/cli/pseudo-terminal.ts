// A program on a terminal of its own, as `script` makes one. Keys are typed, and what appears is read.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'

const SCRIPT = 'script'
/** Why tests with it are skipped. */
export const noTerminal: string | false =
  spawnSync(SCRIPT, ['--version']).error === undefined ? false : `there is no ${SCRIPT} here`

const SHOW_MS_MAX = 60_000

export class PseudoTerminal {
  text = ''
  readonly #script: ChildProcess
  readonly #ended: Promise<unknown[]>

  /** Runs a line of sh in a folder. */
  constructor(t: Test, command: string, cwd: string) {
    this.#script = spawn(SCRIPT, ['-qfec', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      cwd,
    })
    this.#script.stdout?.on('data', (chunk: Buffer) => (this.text += chunk.toString()))
    this.#ended = once(this.#script, 'exit')
    t.teardown(() => this.#script.kill('SIGKILL'))
  }

  types(keys: string): void {
    this.#script.stdin?.write(keys)
  }

  /** Waits until this appears, after what was awaited before; returns the match. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text)
      if (match !== null) {
        this.text = this.text.slice(match.index + match[0].length)
        return match
      }
      let timer: NodeJS.Timeout | undefined
      const ended = await Promise.race([
        new Promise<boolean>(settle => (timer = setTimeout(() => settle(true), SHOW_MS_MAX))),
        once(this.#script.stdout ?? this.#script, 'data').then(() => false),
        this.#ended.then(() => true),
      ])
      clearTimeout(timer)
      if (ended && !pattern.test(this.text)) throw new Error(`no ${pattern}: ${this.text}`)
    }
  }

  /** Closes its window. */
  async closed(): Promise<void> {
    this.#script.kill('SIGKILL')
    await this.#ended
  }

  /** Resolves with null if it had to be killed. */
  async ends(): Promise<number | null> {
    const timer = setTimeout(() => this.#script.kill('SIGKILL'), SHOW_MS_MAX)
    const [status] = (await this.#ended) as [number | null]
    clearTimeout(timer)
    return status
  }
}
