// What a run of a world has shown.

import type { EventQueue } from './event-queue.ts'
import type { History } from './history.ts'

export interface Counts {
  accepted: number
  received: number
  kills: number
  powerCuts: number
  events: number
  /** Messages that were applied in another partition. */
  crossed: number
  diskCalls: number
  /** Those that were committed. */
  transactions: number
  /** Messages that transactions carried through two queues. */
  transfers: number
  /** Of named queues. */
  handOuts: number
  deadLetters: number
}

export interface Outcome {
  readonly seed: number
  readonly violations: readonly string[]
  readonly trace: readonly string[]
  readonly counts: Counts
}

interface Runnable {
  readonly history: History
  run(): void
  outcome(): Outcome
}

/** Runs the world. What it throws is a violation. */
export function outcomeOf(world: Runnable): Outcome {
  try {
    world.run()
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    world.history.violation('crash', text)
  }
  return world.outcome()
}

/** Returns how many messages were acknowledged, and how many sessions received. */
export function messagesIn({
  publications,
  sessions,
}: History): Pick<Counts, 'accepted' | 'received'> {
  let accepted = 0
  let received = 0
  for (const each of publications.values()) if (each.acceptedAt !== null) accepted += 1
  for (const session of sessions) received += session.received.size
  return { accepted, received }
}

/** Milliseconds since 1970 at which every world begins. */
export const BEGINNING = 1_700_000_000_000

/** What happens in a world, a line each, if somebody wants to read it. */
export class Trace {
  readonly lines: string[] = []
  readonly #events: EventQueue
  readonly #isWanted: boolean

  constructor(events: EventQueue, isWanted: boolean) {
    this.#events = events
    this.#isWanted = isWanted
  }

  add(line: () => string): void {
    if (!this.#isWanted) return
    const { now, count } = this.#events
    const seconds = ((now - BEGINNING) / 1_000).toFixed(3)
    this.lines.push(`${seconds.padStart(9)} [${count}] ${line()}`)
  }
}
