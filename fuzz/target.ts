// What can be fuzzed: it makes an input from a seed, and finds what is wrong with it.

export interface Target {
  readonly name: string
  /** What its runs are counted in, in the plural. */
  readonly unit: string
  /** Runs the input of this seed. Returns what is wrong, or null. */
  run(seed: number): Outcome | Promise<Outcome>
  /** The input of the last run, as text that `replay` reads. */
  readonly input: string
  replay(input: string): Outcome | Promise<Outcome>
  /** Inputs that are a little smaller. The first ones remove most. */
  smaller(input: string): Iterable<string>
  /** How often each kind of outcome was seen, for a sentence at the end. */
  readonly counts: Readonly<Record<string, number>>
}

export type Outcome = string | null

export interface Finding {
  readonly target: string
  readonly seed: number
  readonly sentence: string
  /** Minimised. */
  readonly input: string
}

/** Texts with a part of the lines, tokens or characters removed: halves first, then smaller parts. */
export function* withoutParts<Part>(parts: readonly Part[]): Iterable<readonly Part[]> {
  for (let size = Math.ceil(parts.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let start = 0; start < parts.length; start += size)
      yield [...parts.slice(0, start), ...parts.slice(start + size)]
  }
}
