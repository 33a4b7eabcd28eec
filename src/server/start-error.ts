// The error when a broker cannot start: a code, a sentence, and the part that failed.

import { thrownSentence } from '../thrown.ts'

export type StartPart =
  /** The index N of `listeners.N` in the configuration. */
  { readonly kind: 'listener'; readonly index: number } | { readonly kind: 'store' }

export class StartError extends Error {
  /** The code of the system (`EADDRINUSE`, `EACCES`), or `ERR_LISTENER` or `ERR_STORE` if there is none. */
  readonly code: string
  readonly part: StartPart

  constructor(error: unknown, part: StartPart) {
    super(thrownSentence(error), { cause: error })
    this.name = 'StartError'
    this.code = codeOf(error) ?? (part.kind === 'store' ? 'ERR_STORE' : 'ERR_LISTENER')
    this.part = part
  }
}

/** Returns the code of the error, or null. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}
