// The memory of the process that the system counts.

let last = 0

/** Linux tells it by a file, which cannot be opened without a free descriptor. Then it is the figure of before. */
export function residentBytes(): number {
  try {
    last = process.memoryUsage.rss()
  } catch {
    // The next call asks again.
  }
  return last
}
