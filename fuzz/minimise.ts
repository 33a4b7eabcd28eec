// Makes the input of a finding as small as possible: parts are removed as long as something is still wrong.

import type { Outcome, Target } from './target.ts'

const TRIES_MAX = 20_000

/** Returns the smallest input found, and what is wrong with it. */
export async function minimise(
  target: Target,
  input: string,
  sentence: string,
): Promise<{ readonly input: string; readonly sentence: string }> {
  let best = { input, sentence }
  let tries = 0
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false
    for (const candidate of target.smaller(best.input)) {
      if (++tries > TRIES_MAX) return best
      if (candidate.length > best.input.length || candidate === best.input) continue
      const outcome = await attempt(target, candidate)
      if (outcome === null) continue
      best = { input: candidate, sentence: outcome }
      isSmaller = true
      break
    }
  }
  return best
}

/** An input that the target cannot read is no finding. */
async function attempt(target: Target, input: string): Promise<Outcome> {
  try {
    return await target.replay(input)
  } catch {
    return null
  }
}
