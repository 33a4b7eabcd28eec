// Prints src/config/config-types.ts from the schema: types that need no other package, so that a program which
// embeds the broker can compile them with an old TypeScript too. The formatter lays them out.

import { z } from './zod.ts'
import { configSchema } from './config.ts'
import { isSizeKey } from './sizes.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
}

export function typesFile(): string {
  const listener = schemaOf('output').properties?.['listeners']?.items ?? {}
  return [
    '// Printed from the schema in config.ts by `npm run reference`. Do not edit.',
    '',
    '/** A valid configuration with all defaults. */',
    `export interface Config ${typeOf(schemaOf('output'), '', 'output')}`,
    '',
    '/** A configuration as it may be written: keys with a default may be left out, and sizes may be written `10MB`. */',
    `export interface ConfigInput ${typeOf(schemaOf('input'), '', 'input')}`,
    '',
    `export interface ListenerConfig ${typeOf(listener, '', 'output')}`,
    '',
  ].join('\n')
}

type Direction = 'input' | 'output'

function schemaOf(io: Direction): Schema {
  return z.toJSONSchema(configSchema, { io, unrepresentable: 'any' }) as Schema
}

function typeOf(schema: Schema, indent: string, io: Direction): string {
  if (schema.enum !== undefined) return schema.enum.map(quoted).join(' | ')
  if (schema.anyOf !== undefined) {
    return schema.anyOf.map(each => typeOf(each, indent, io)).join(' | ')
  }
  switch (schema.type) {
    case 'integer':
      return 'number'
    case 'array':
      return arrayOf(typeOf(schema.items ?? {}, indent, io))
    case 'object':
      return objectOf(schema, indent, io)
    default:
      return typeof schema.type === 'string'
        ? schema.type
        : (schema.type ?? ['unknown']).join(' | ')
  }
}

function arrayOf(item: string): string {
  return /^\w+$/.test(item) ? `${item}[]` : `(${item})[]`
}

function objectOf(schema: Schema, indent: string, io: Direction): string {
  const { properties, additionalProperties } = schema
  if (properties === undefined) {
    const value = typeof additionalProperties === 'object' ? additionalProperties : {}
    return `Record<string, ${typeOf(value, indent, io)}>`
  }
  const inner = `${indent}  `
  const members = Object.entries(properties).map(([key, each]) => {
    const isOptional = schema.required?.includes(key) !== true
    const type = `${typeOf(each, inner, io)}${io === 'input' && isSizeKey(key) ? ' | string' : ''}`
    return `${inner}${key}${isOptional ? '?' : ''}: ${type}${isOptional ? ' | undefined' : ''}`
  })
  return `{\n${members.join('\n')}\n${indent}}`
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
