// Max-min fairness: whoever wants less than an equal share gets what it wants, and the others get equal shares of the rest.

/** Returns the largest share that each may have. `wants` is sorted in place; Infinity is a want without a known bound. */
export function fairShare(wants: number[], budget: number): number {
  wants.sort((one, other) => one - other)
  let left = budget
  for (const [index, want] of wants.entries()) {
    const share = left / (wants.length - index)
    if (want > share) return share
    left -= want
  }
  // There is enough for all: each may even have the rest on top of the largest want.
  return left + (wants.at(-1) ?? 0)
}
