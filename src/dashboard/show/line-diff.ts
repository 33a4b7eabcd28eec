// What has changed between two texts, line by line.

interface DiffLine {
  readonly kind: 'kept' | 'removed' | 'added'
  readonly text: string
}

/** Above it the time of a comparison would be felt; then all lines between the first and the last change are shown as changed. */
const COMPARISONS_MAX = 1_000_000

/** Returns changed lines, with so many kept ones around them. */
export function lineDiff(before: string, after: string, around = 2): readonly DiffLine[] {
  const [old, now] = [before.split('\n'), after.split('\n')]
  let start = 0
  while (start < old.length && start < now.length && old[start] === now[start]) start++
  let end = 0
  while (
    end < old.length - start &&
    end < now.length - start &&
    old[old.length - 1 - end] === now[now.length - 1 - end]
  )
    end++
  const changed = between(old.slice(start, old.length - end), now.slice(start, now.length - end))
  const kept = (text: string): DiffLine => ({ kind: 'kept', text })
  const all = [
    ...old.slice(0, start).map(kept),
    ...changed,
    ...old.slice(old.length - end, old.length).map(kept),
  ]
  const isNear = all.map((_, at) =>
    all.slice(Math.max(0, at - around), at + around + 1).some(({ kind }) => kind !== 'kept'),
  )
  return all.filter((_, at) => isNear[at])
}

/** By the longest common subsequence. */
function between(old: readonly string[], now: readonly string[]): DiffLine[] {
  if (old.length * now.length > COMPARISONS_MAX) {
    return [...old.map(removed), ...now.map(added)]
  }
  const width = now.length + 1
  const lengths = new Uint32Array((old.length + 1) * width)
  const lengthAt = (i: number, j: number): number => lengths[i * width + j] ?? 0
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        old[i] === now[j]
          ? lengthAt(i + 1, j + 1) + 1
          : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1))
    }
  }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < old.length || j < now.length) {
    const [mine, other] = [old[i], now[j]]
    if (mine !== undefined && mine === other) {
      lines.push({ kind: 'kept', text: mine })
      i++
      j++
    } else if (
      mine !== undefined &&
      (other === undefined || lengthAt(i + 1, j) >= lengthAt(i, j + 1))
    ) {
      lines.push(removed(mine))
      i++
    } else {
      lines.push(added(other ?? ''))
      j++
    }
  }
  return lines
}

function removed(text: string): DiffLine {
  return { kind: 'removed', text }
}

function added(text: string): DiffLine {
  return { kind: 'added', text }
}
