// A path of the API as data: who may ask, what the question and the answer look like, and who answers it.

import type { z as zod } from 'zod'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from './caller.ts'
import type { Role } from './contract/sign-in.ts'
import { nothing } from './contract/fields.ts'

/** Where a request came in. */
export interface Source {
  readonly door: 'http' | 'socket'
  /** Empty for the admin socket. */
  readonly address: string
  /** Whether it came from this machine and no proxy says that it forwards it. */
  readonly isLocal: boolean
  /** Whether nobody on the way could read it. */
  readonly isPrivate: boolean
  /** Whether the browser speaks TLS to the broker, or to a proxy on this machine. */
  readonly isSecure: boolean
  /** The port of the listener; 0 for the admin socket. */
  readonly port: number
  /** Whoever asks is known: the connection may stay. */
  readonly signedIn: () => void
}

export interface Call<Query, Body> {
  readonly query: Query
  readonly body: Body
  /** Null for nobody: only routes that are open get it. */
  readonly caller: Caller | null
  readonly source: Source
  /** Headers of the question. */
  readonly asked: Headers
  /** Headers of the answer. */
  readonly headers: Headers
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** What a handler returns that writes its answer itself, to `outgoing`. */
export const WRITTEN: unique symbol = Symbol('written')

interface Declaration<
  Query extends zod.ZodType,
  Body extends zod.ZodType,
  Answer extends zod.ZodType,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below /api/v1. */
  readonly path: `/${string}`
  /** Null: whoever can reach the listener. */
  readonly roles: readonly Role[] | null
  readonly summary: string
  readonly query?: Query
  readonly body?: Body
  /** Larger than usual for publishing. */
  readonly bodyBytesMax?: number
  readonly answer: Answer
  readonly status?: 200 | 201
  readonly contentType?: string
  /** Whether it is answered under overload as well. */
  readonly isUrgent?: boolean
  /** Whether it changes nothing, although it is no GET: then it is not a line of the log. */
  readonly isQuiet?: boolean
  handle(
    call: Call<zod.output<Query>, zod.output<Body>>,
  ): zod.output<Answer> | typeof WRITTEN | Promise<zod.output<Answer> | typeof WRITTEN>
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly roles: readonly Role[] | null
  readonly summary: string
  readonly query: zod.ZodType
  /** Null if it has no body. */
  readonly body: zod.ZodType | null
  readonly bodyBytesMax: number
  readonly answer: zod.ZodType
  readonly status: 200 | 201
  readonly contentType: string
  readonly isUrgent: boolean
  readonly isQuiet: boolean
  handle(call: Call<unknown, unknown>): unknown
}

const BODY_BYTES_MAX = 65_536
export const READERS: readonly Role[] = ['viewer', 'operator']
export const OPERATORS: readonly Role[] = ['operator']
/** Those who see payloads; which ones, their rules decide. */
export const MESSENGERS: readonly Role[] = ['operator', 'user']
export const EVERYBODY: readonly Role[] = ['viewer', 'operator', 'user']

export function route<
  Answer extends zod.ZodType,
  Query extends zod.ZodType = typeof nothing,
  Body extends zod.ZodType = typeof nothing,
>(declaration: Declaration<Query, Body, Answer>): Route {
  const { method, path, roles, summary, answer } = declaration
  const { query = nothing, body = null, bodyBytesMax = BODY_BYTES_MAX, status = 200 } = declaration
  const { contentType = 'application/json' } = declaration
  const { isUrgent = false, isQuiet = method === 'GET' } = declaration
  return {
    method,
    path,
    roles,
    summary,
    query,
    body,
    bodyBytesMax,
    answer,
    status,
    contentType,
    isUrgent,
    isQuiet,
    // `question.ts` has checked both by the schemas above.
    handle: call => declaration.handle(call as Call<zod.output<Query>, zod.output<Body>>),
  }
}
