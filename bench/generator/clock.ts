// The generator's clock, in whole microseconds. It wraps around after 71 minutes.

let latest = 0

/** Reads the clock. */
export function microsecondsNow(): number {
  latest = Math.floor(performance.now() * 1_000) >>> 0
  return latest
}

/** The latest reading. All packets of one chunk get the same time. */
export function latestMicroseconds(): number {
  return latest
}

/** The time from one reading to a later one. */
export function microsecondsBetween(earlier: number, later: number): number {
  return (later - earlier) >>> 0
}
