// What was thrown, as text for the log. Code of a program may throw anything, also what cannot be made into text.

export function causeOf(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  } catch {
    return 'what was thrown has no text'
  }
}
