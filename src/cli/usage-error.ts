// The command line is wrong.

/** The message says how. */
export class UsageError extends Error {}

/** Returns how the sentences of one command become errors. */
export function usageOf(command: string): (sentence: string) => UsageError {
  return sentence => new UsageError(`${sentence} Try pondhawk ${command} --help.`)
}

/** The exit status of wrong usage, by convention. */
export const USAGE = 2
