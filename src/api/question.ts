// Reads the query and the body of a request, and checks them by the schemas of its route.

import type { IncomingMessage } from 'node:http'
import type { z as zod } from 'zod'
import { parseStrictJson, WrongJson } from '../access/strict-json.ts'
import { nearest } from '../nearest.ts'
import { Problem } from './problem.ts'

/** More are no mistake of a person. */
const ERRORS_MAX = 20

/** Throws Problem. */
export function queryOf(schema: zod.ZodType, parameters: URLSearchParams): unknown {
  const query: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of parameters) {
    if (name in query) throw new Problem(422, `the query has ${name} twice: give it once`)
    query[name] = value
  }
  return checked(schema, { ...query }, 'query')
}

/** Throws Problem. */
export async function bodyOf(
  schema: zod.ZodType,
  incoming: IncomingMessage,
  bytesMax: number,
): Promise<unknown> {
  const type = (incoming.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    throw new Problem(415, 'the body must be JSON: send it with Content-Type: application/json')
  }
  const bytes = await bytesOf(incoming, bytesMax)
  try {
    return checked(schema, parseStrictJson(bytes), 'body')
  } catch (error) {
    if (!(error instanceof WrongJson)) throw error
    throw new Problem(400, `the body ${error.message}`)
  }
}

/** The rest of a body that is too large is not read: its connection ends with the answer. */
async function bytesOf(incoming: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLarge = (): Problem =>
    new Problem(413, `the body is larger than ${bytesMax} bytes: send less at once`, {
      headers: { connection: 'close' },
    })
  if (Number(incoming.headers['content-length'] ?? 0) > bytesMax) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function checked(schema: zod.ZodType, value: unknown, place: 'query' | 'body'): unknown {
  // With the input a value of a wrong type is told from none.
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  const { issues } = result.error
  const errors = issues.slice(0, ERRORS_MAX).map(issue => ({
    path: issue.path.map(String).join('.'),
    detail: sentenceOf(issue, schema),
  }))
  const [first] = errors
  const where = first === undefined || first.path === '' ? `the ${place}` : first.path
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new Problem(422, `${where}: ${first?.detail ?? 'is wrong'}${more}`, { errors })
}

function sentenceOf(issue: zod.core.$ZodIssue, schema: zod.ZodType): string {
  if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys, schema)
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'is missing'
  return issue.message
}

function unknownKeys(keys: readonly string[], schema: zod.ZodType): string {
  const known = 'shape' in schema ? Object.keys(schema.shape as object) : []
  const said = keys.slice(0, ERRORS_MAX).map(key => {
    const meant = nearest(key.slice(0, 100), known)
    return meant === null ? JSON.stringify(key) : `${JSON.stringify(key)} (did you mean ${meant}?)`
  })
  return `there is no ${said.join(', ')}; there is ${known.length === 0 ? 'nothing to give' : known.join(', ')}`
}
