// Welch's t test: whether two samples with different variances have the same mean.

/** The larger its absolute value, the less likely it is that both have one mean. */
export function welchT(one: readonly number[], other: readonly number[]): number {
  const [first, second] = [momentsOf(one), momentsOf(other)]
  const error = Math.sqrt(first.variance / one.length + second.variance / other.length)
  return error === 0 ? 0 : (first.mean - second.mean) / error
}

/** Returns the smallest values, as many as this share of all. */
export function croppedAt(sample: readonly number[], share: number): readonly number[] {
  const sorted = sample.toSorted((one, other) => one - other)
  return sorted.slice(0, Math.ceil(sorted.length * share))
}

function momentsOf(sample: readonly number[]): { mean: number; variance: number } {
  const mean = sample.reduce((sum, each) => sum + each, 0) / sample.length
  const squares = sample.reduce((sum, each) => sum + (each - mean) ** 2, 0)
  return { mean, variance: squares / (sample.length - 1) }
}
