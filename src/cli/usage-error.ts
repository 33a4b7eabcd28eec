// The command line is wrong.

/** The message says how. */
export class UsageError extends Error {}

/** The exit status of wrong usage, by convention. */
export const USAGE = 2
