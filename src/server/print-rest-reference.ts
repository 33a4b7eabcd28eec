// Prints docs/reference/rest.md from the schemas of the API: `npm run reference`.

import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { z as zod } from 'zod'
import { isOptional, schemaOf } from '../api/openapi.ts'
import { PREFIX } from '../api/parts.ts'
import type { Route } from '../api/route.ts'
import { parseConfig } from '../config/parse.ts'
import { SILENT } from '../observe/log.ts'
import { Server } from './server.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly additionalProperties?: Schema | boolean
}

const ROOT = resolve(import.meta.dirname, '../../..')
const INTEGER_MAX = Number.MAX_SAFE_INTEGER

const INTRODUCTION = [
  '# REST API',
  '',
  `All paths are below \`${PREFIX}\`. Examples are in [use the REST API](../how-to/use-the-rest-api.md); the same as data (OpenAPI 3.1) is at \`${PREFIX}/openapi.json\`.`,
  'Times are in UTC, as in `2026-11-22T14:02:11.000Z`; `null` means none. A refusal is `application/problem+json` (RFC 9457), whose `detail` says what mends it.',
  'In brackets behind a path: the roles that may ask. This page is printed from the schemas by `npm run reference`.',
  '',
]

export async function restPage(): Promise<string> {
  // It is never started: only its routes are read.
  const server = new Server(parseConfig({ store: { durability: 'memory' } }), SILENT, {})
  const all = await server.api.routes()
  const routes = all.toSorted((one, other) => (one.path < other.path ? -1 : 1))
  return [...INTRODUCTION, ...routes.flatMap(sectionOf)].join('\n')
}

function sectionOf(route: Route): readonly string[] {
  const { method, path, roles, summary, query, body, answer } = route
  return [
    `## ${method} ${path} (${roles === null ? 'whoever reaches the listener' : roles.join(', ')})`,
    '',
    `${summary}.`,
    '',
    ...tableOf('query', schemaOf(query, 'output'), name => isOptional(query, name)),
    ...(body === null ? [] : bodyTable(body)),
    ...answerTable(route.contentType, answer),
  ]
}

function bodyTable(body: zod.ZodType): readonly string[] {
  return tableOf('body', schemaOf(body, 'input'), name => isOptional(body, name))
}

function answerTable(contentType: string, answer: zod.ZodType): readonly string[] {
  if (contentType !== 'application/json') return [`The answer is \`${contentType}\`.`, '']
  return tableOf('answer', schemaOf(answer, 'output'), () => true)
}

function tableOf(
  title: string,
  schema: Schema,
  isOptionalField: (name: string) => boolean,
): readonly string[] {
  const fields = fieldsOf(schema, '')
  if (fields.length === 0) return []
  const rows = fields.map(([name, field]) => {
    const isNeeded = !name.includes('.') && !isOptionalField(name)
    const what = [field.description ?? '', isNeeded ? '(needed)' : ''].filter(each => each !== '')
    return `| \`${name}\` | ${what.join(' ')} | ${kindOf(field)}${fallbackOf(field)} |`
  })
  return [`| ${title} | what it is | accepted |`, '| --- | --- | --- |', ...rows, '']
}

/** The fields, with those of objects and of lists of objects behind them. */
function fieldsOf(schema: Schema, path: string): readonly (readonly [string, Schema])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const key = `${path}${name}`
    const inner = [field, ...(field.anyOf ?? [])].map(each => each.items ?? each)
    const object = inner.find(each => each.properties !== undefined)
    return [[key, field] as const, ...(object === undefined ? [] : fieldsOf(object, `${key}.`))]
  })
}

function kindOf({ type, enum: words, const: word, ...schema }: Schema): string {
  if (words !== undefined) return words.map(each => `\`${String(each)}\``).join(', ')
  if (word !== undefined) return `\`${String(word)}\``
  if (schema.anyOf !== undefined) return schema.anyOf.map(kindOf).join(' or ')
  if (typeof type === 'object')
    return type.map(each => kindOf({ ...schema, type: each })).join(' or ')
  switch (type) {
    case 'integer': {
      const { minimum = -INTEGER_MAX, maximum = INTEGER_MAX } = schema
      if (maximum < INTEGER_MAX) return `${minimum} to ${maximum}`
      return minimum === 0 ? 'a count' : 'a whole number'
    }
    case 'number':
      return 'a number'
    case 'boolean':
      return '`true`, `false`'
    case 'string':
      return 'text'
    case 'array':
      return 'a list'
    case 'object':
      return schema.properties === undefined ? 'a map' : 'an object'
    case 'null':
      return '`null`'
    default:
      return 'any value'
  }
}

function fallbackOf({ default: value }: Schema): string {
  if (value === undefined || typeof value === 'object') return ''
  return `; default \`${String(value)}\``
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(ROOT, 'docs/reference/rest.md'), await restPage())
}
