// Single keys at the terminal in which the broker runs. Control-C and Control-Z do what they do elsewhere.

import { readFileSync } from 'node:fs'

const CONTROL_C = '\u0003'
const CONTROL_D = '\u0004'
const CONTROL_Z = '\u001a'

export class Keyboard {
  readonly #pressed: (key: string) => void
  readonly #hear = (chunk: Buffer): void => {
    // A key that is no character comes as a sequence, which begins with Escape.
    if (chunk[0] === 0x1b) return
    for (const key of chunk.toString()) this.#obey(key)
  }
  readonly #continued = (): void => this.#listen()

  /** `pressed` gets each key that is no control character. Control-C and Control-D are the key `q`. */
  constructor(pressed: (key: string) => void) {
    this.#pressed = pressed
    process.on('SIGCONT', this.#continued)
    this.#listen()
  }

  close(): void {
    process.off('SIGCONT', this.#continued)
    this.#rest()
  }

  /** A process in the background would be stopped by the system when it touches the terminal. */
  #listen(): void {
    if (!isInForeground()) return
    process.stdin.setRawMode(true)
    process.stdin.off('data', this.#hear).on('data', this.#hear).resume()
  }

  #rest(): void {
    const { stdin } = process
    stdin.off('data', this.#hear).pause()
    if (stdin.isRaw) stdin.setRawMode(false)
  }

  #obey(key: string): void {
    if (key === CONTROL_C || key === CONTROL_D) this.#pressed('q')
    else if (key === CONTROL_Z) {
      this.#rest()
      process.kill(process.pid, 'SIGTSTP')
    } else if (key >= ' ') this.#pressed(key.toLowerCase())
  }
}

export function hasKeyboard(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY && isInForeground()
}

/** Where the system does not tell, it is taken to be in the foreground. */
function isInForeground(): boolean {
  try {
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return group === foreground
  } catch {
    return true
  }
}
