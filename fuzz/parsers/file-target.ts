// A target whose input is the bytes of one file, in hexadecimal where it is printed.

import { Random } from '../random.ts'
import type { Outcome, Target } from '../target.ts'
import { withoutParts } from '../target.ts'

export interface FileKind {
  readonly name: string
  make(random: Random): Buffer
  /** Returns what is wrong, or null. Counts what it saw. */
  check(bytes: Buffer, counts: Record<string, number>): Outcome
}

export class FileTarget implements Target {
  readonly unit = 'files'
  readonly counts: Record<string, number> = {}
  readonly #kind: FileKind
  readonly #random = new Random()
  #bytes: Buffer = Buffer.alloc(0)

  constructor(kind: FileKind) {
    this.#kind = kind
  }

  get name(): string {
    return this.#kind.name
  }

  get input(): string {
    return this.#bytes.toString('hex')
  }

  run(seed: number): Outcome {
    this.#random.seed(seed)
    this.#bytes = this.#kind.make(this.#random)
    return this.#kind.check(this.#bytes, this.counts)
  }

  replay(input: string): Outcome {
    return this.#kind.check(Buffer.from(input, 'hex'), this.counts)
  }

  *smaller(input: string): Iterable<string> {
    const bytes = Buffer.from(input, 'hex')
    const lines = bytes.toString('latin1').split('\n')
    for (const fewer of withoutParts(lines))
      yield Buffer.from(fewer.join('\n'), 'latin1').toString('hex')
    for (const fewer of withoutParts([...bytes])) yield Buffer.from(fewer).toString('hex')
  }
}

export function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1
}
