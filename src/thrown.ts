// What was thrown: programs and libraries may throw anything.

/** Returns its sentence. */
export function thrownSentence(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
