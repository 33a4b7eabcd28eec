// Requests to /api/v1. Every answer tells that Pondhawk is there; a refusal has its sentence (RFC 9457).

import { signal } from '@preact/signals'
import { answered } from './answering.ts'

/** What a refused request says. `status` is 0 if there was no answer. */
export class Problem extends Error {
  readonly status: number
  readonly errors: readonly ProblemLine[]

  constructor(status: number, detail: string, errors: readonly ProblemLine[] = []) {
    super(detail)
    this.status = status
    this.errors = errors
  }
}

export interface ProblemLine {
  readonly path?: string
  readonly line?: number
  readonly detail: string
}

interface Sent {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

interface Answer<T> {
  readonly body: T
  readonly etag: string | null
}

const ANSWER_MS_MAX = 10_000
/** Set when a request was refused because nobody is signed in. */
export const signedOut = signal(false)

/** Returns the address of a path of the API, below whatever path the page itself has. */
export function addressOf(path: string): string {
  return new URL(`api/v1/${path}`, document.baseURI.split('#')[0]).href
}

/** Returns `path?name=value…`, without the parameters that are empty. */
export function withQuery(
  path: string,
  parameters: Readonly<Record<string, string | number | boolean | null | undefined>>,
): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value))
  }
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}

/** Returns the answer to a request. Throws a Problem with a sentence for people. */
export async function request<T>(path: string, sent: Sent = {}): Promise<T> {
  return (await requestWhole<T>(path, sent)).body
}

async function requestWhole<T>(path: string, sent: Sent = {}): Promise<Answer<T>> {
  const response = await responseTo(path, sent)
  answered()
  const text = await response.text()
  if (response.ok) {
    // The type is that of the contract, which the server checks its answers against in tests.
    return { body: parsed(text) as T, etag: response.headers.get('etag') }
  }
  if (response.status === 401 && path !== 'session') signedOut.value = true
  const problem = parsed(text) as { detail?: string; errors?: ProblemLine[] } | null
  const detail = problem?.detail ?? `Pondhawk has answered with ${response.status}.`
  throw new Problem(response.status, detail, problem?.errors ?? [])
}

async function responseTo(path: string, { method = 'GET', body, headers }: Sent) {
  try {
    return await fetch(addressOf(path), {
      method,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  } catch {
    throw new Problem(0, 'Pondhawk does not answer.')
  }
}

function parsed(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return null
  }
}

/** Returns the sentence of whatever was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
