// Divides what there is among those who want it, so that whoever wants little gets it and the others get equal shares.

/** Returns the largest share that each may have. `wants` is sorted in place; Infinity is a want without a known bound. */
export function fairShare(wants: number[], budget: number): number {
  wants.sort((one, other) => one - other)
  let left = budget
  for (const [index, want] of wants.entries()) {
    const share = left / (wants.length - index)
    if (want > share) return share
    left -= want
  }
  // There is enough for all. A share leaves each of them what is left.
  return left + (wants.at(-1) ?? 0)
}
