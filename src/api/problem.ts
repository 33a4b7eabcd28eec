// A request that is refused. It is thrown anywhere in `api/` and caught in one place, which answers it by RFC 9457.

import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { ProblemAnswer } from './contract/problem.ts'
import { CONTENT_HEADERS } from './headers.ts'

interface ProblemOptions {
  readonly errors?: ProblemAnswer['errors']
  readonly headers?: Readonly<Record<string, string>>
}

export class Problem extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly #errors: ProblemAnswer['errors']

  /** `detail` is a sentence that says what is wrong and what mends it. */
  constructor(status: number, detail: string, { errors, headers = {} }: ProblemOptions = {}) {
    super(detail)
    this.status = status
    this.headers = headers
    this.#errors = errors
  }

  get body(): ProblemAnswer {
    const { status, message: detail } = this
    const errors = this.#errors
    const title = STATUS_CODES[status] ?? 'Refused'
    return { type: 'about:blank', title, status, detail, ...(errors !== undefined && { errors }) }
  }
}

/** A problem that goes away by itself after so many seconds. */
export function later(status: 429 | 503, detail: string, seconds: number): Problem {
  return new Problem(status, detail, { headers: { 'retry-after': String(seconds) } })
}

/** Writes a problem of a request that does not even reach the application. */
export function writeProblem(outgoing: ServerResponse, problem: Problem): void {
  const type = { 'content-type': 'application/problem+json' }
  outgoing.writeHead(problem.status, { ...CONTENT_HEADERS, ...problem.headers, ...type })
  outgoing.end(outgoing.req.method === 'HEAD' ? '' : `${JSON.stringify(problem.body)}\n`)
}
