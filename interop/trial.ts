// One program that people use with a broker, and what it must be able to do with ours.

import type { EmbeddedBroker } from '../src/index.ts'

/** A broker on free ports, made anew for each trial. */
export interface Ground {
  readonly broker: EmbeddedBroker
  readonly tcpPort: number
  readonly webSocketPort: number
  /** A folder that is removed afterwards. */
  readonly directory: string
}

/** The user that a broker with users knows. */
export const LOGIN = { username: 'home', password: 'three blind mice' } as const

export interface Trial {
  /** The program, as its users call it. */
  readonly program: string
  /** What was exchanged, in a few words. */
  readonly what: string
  /** Whether the broker lets in nobody but `LOGIN`. */
  readonly needsLogin?: boolean
  /** The program's version, or null where it is not there. */
  version(): Promise<string | null>
  /** Rejects with what went wrong. */
  run(ground: Ground): Promise<void>
}

/** Runs `act` and rejects when it takes longer: a program that stands still is a failure as well. */
export async function within<Result>(seconds: number, act: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${seconds} s`)), seconds * 1_000)
  })
  try {
    return await Promise.race([act, late])
  } finally {
    clearTimeout(timer)
  }
}

export function assertEqual(actual: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (one !== other) throw new Error(`${what}: ${one.slice(0, 200)} and not ${other.slice(0, 200)}`)
}
