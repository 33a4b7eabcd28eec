// Sequences of many parties, with users, rules, reloads and revocations among the commands.

import { Random } from '../random.ts'
import type { Outcome, Target } from '../target.ts'
import { withoutParts } from '../target.ts'
import { scriptOf } from './script.ts'
import { SequenceWorld, type WorldParts } from './sequence-world.ts'

export class SequenceTarget implements Target {
  readonly name = 'sequences'
  readonly unit = 'sequences'
  input = ''
  readonly counts = { commands: 0, heard: 0, denied: 0 }
  readonly #random = new Random()
  readonly #parts: WorldParts

  constructor(parts: WorldParts = {}) {
    this.#parts = parts
  }

  run(seed: number): Promise<Outcome> {
    this.#random.seed(seed)
    this.input = scriptOf(this.#random)
    return this.replay(this.input)
  }

  async replay(input: string): Promise<Outcome> {
    const [parties = '', ...lines] = input.split(';')
    const world = new SequenceWorld(parties, this.#parts)
    try {
      for (const line of lines) {
        const done = world.run(line)
        if (done instanceof Promise) await done
        if (world.ledger.faults.length > 0) return `${line}: ${world.ledger.faults.join('; ')}`
      }
      world.ends()
      return world.ledger.faults.length === 0
        ? null
        : `at the end: ${world.ledger.faults.join('; ')}`
    } finally {
      this.counts.commands += world.commands
      this.counts.heard += world.ledger.heard
      this.counts.denied += world.ledger.denied
      await world.close()
    }
  }

  *smaller(input: string): Iterable<string> {
    const [parties = '', ...lines] = input.split(';')
    for (const fewer of withoutParts(lines)) yield [parties, ...fewer].join(';')
  }
}
