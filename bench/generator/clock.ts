// The generator's clock, in whole microseconds that begin again after 71 minutes.

let latest = 0

/** Reads the clock. */
export function microsecondsNow(): number {
  latest = Math.floor(performance.now() * 1_000) >>> 0
  return latest
}

/** The latest reading: packets that came in one piece came at one time. */
export function latestMicroseconds(): number {
  return latest
}

/** From one reading to a later one. */
export function microsecondsBetween(earlier: number, later: number): number {
  return (later - earlier) >>> 0
}
