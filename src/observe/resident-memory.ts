// What the system counts of the process: its memory, and its time on processors.

let last = 0

/** Linux tells it by a file, which cannot be opened without a free descriptor. Then it is the figure of before. */
function residentBytes(): number {
  try {
    last = process.memoryUsage.rss()
  } catch {
    // The next call asks again.
  }
  return last
}

export function usageOfProcess(): { readonly cpuSeconds: number; readonly residentBytes: number } {
  const { user, system } = process.cpuUsage()
  return { cpuSeconds: (user + system) / 1_000_000, residentBytes: residentBytes() }
}
