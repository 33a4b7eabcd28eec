// Why a broker could not start, for programs and for people: a code, a sentence, and the part that failed.

export type StartPart =
  /** `listeners.N` of the configuration. */
  { readonly kind: 'listener'; readonly index: number } | { readonly kind: 'store' }

export class StartError extends Error {
  /** Of the system where it has one (`EADDRINUSE`, `EACCES`), else `ERR_LISTENER` or `ERR_STORE`. */
  readonly code: string
  readonly part: StartPart

  constructor(error: unknown, part: StartPart) {
    super(error instanceof Error ? error.message : String(error), { cause: error })
    this.name = 'StartError'
    this.code = codeOf(error) ?? (part.kind === 'store' ? 'ERR_STORE' : 'ERR_LISTENER')
    this.part = part
  }
}

/** What the system or the broker calls this error, or null. */
export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}
