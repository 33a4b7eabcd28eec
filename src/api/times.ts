// Times in answers: UTC as ISO 8601 has it.

/** `time`: milliseconds since 1970. */
export function isoOf(time: number): string {
  return new Date(time).toISOString()
}

/** Null for none: an unknown time, and one that never comes. */
export function isoOrNull(time: number | null): string | null {
  return time === null || time === Infinity ? null : isoOf(time)
}
