// Variables → a configuration: PONDHAWK_LIMITS__PACKET_BYTES_MAX=4096 is limits.packetBytesMax.

import { parseDocument } from 'yaml'
import { configSchema } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { parseConfig } from './parse.ts'
import { isRecord, kindOf } from './records.ts'
import { keysAt, schemaAt, unwrapped } from './schema-keys.ts'

const PREFIX = 'PONDHAWK_'
/** It says where the file is, and so is no value of it. */
export const FILES_VARIABLE = 'PONDHAWK_CONFIG'

export type Environment = Readonly<Record<string, string | undefined>>

interface Variable {
  readonly name: string
  readonly path: readonly string[]
  readonly value: unknown
}

interface WithEnvironment {
  readonly values: unknown
  /** The variables by the path that they set. */
  readonly variables: ReadonlyMap<string, string>
}

/** Overrides values of `base` with those of the environment. Throws ConfigError for a missing entry of a list. */
export function withEnvironment(base: unknown, environment: Environment): WithEnvironment {
  // A variable for a whole list is applied before variables for its entries.
  const variables = variablesOf(environment).sort(
    (one, other) => one.path.length - other.path.length,
  )
  const problems: ConfigProblem[] = []
  let values = base
  for (const { path, value } of variables) {
    try {
      values = withValue(values, path, value, [])
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      for (const problem of error.problems) problems.push({ ...problem, path })
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return { values, variables: namesOf(variables) }
}

/** Returns the variable that sets this path or a part of it. */
export function variableFor(
  path: readonly PropertyKey[],
  variables: ReadonlyMap<string, string>,
): string | null {
  const key = path.map(String).join('.')
  const exact = variables.get(key)
  if (exact !== undefined) return exact
  if (key === '') return null
  for (const [each, name] of variables) if (each.startsWith(`${key}.`)) return name
  return null
}

/** Returns the name of the variable for this path. */
export function variableName(path: readonly PropertyKey[]): string {
  const parts = path.map(part =>
    String(part)
      .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
      .toUpperCase(),
  )
  return `${PREFIX}${parts.join('__')}`
}

export function namesIn(environment: Environment): ReadonlyMap<string, string> {
  return namesOf(variablesOf(environment))
}

function namesOf(variables: readonly Variable[]): ReadonlyMap<string, string> {
  return new Map(variables.map(({ path, name }) => [path.join('.'), name]))
}

function variablesOf(environment: Environment): Variable[] {
  const variables: Variable[] = []
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || name === FILES_VARIABLE || text === undefined) continue
    const path: string[] = []
    for (const part of name.slice(PREFIX.length).split('__')) {
      const bare = part.replaceAll('_', '').toLowerCase()
      path.push(keysAt(configSchema, path).find(key => key.toLowerCase() === bare) ?? part)
    }
    variables.push({ name, path, value: valueOf(text, path) })
  }
  return variables
}

/** Values are parsed as YAML, except where the schema expects text: `::` is an address. */
function valueOf(text: string, path: readonly string[]): unknown {
  const document = parseDocument(text)
  const value: unknown = document.errors.length > 0 ? text : document.toJS()
  const isText = unwrapped(schemaAt(configSchema, path)).type === 'string'
  return isText && value !== null && typeof value !== 'string' ? text : value
}

function withValue(
  base: unknown,
  path: readonly string[],
  value: unknown,
  above: readonly string[],
): unknown {
  const [first, ...rest] = path
  if (first === undefined) return value
  const isList = unwrapped(schemaAt(configSchema, above)).type === 'array'
  const isFitting = isList ? Array.isArray(base) : isRecord(base)
  if (!isFitting && base !== undefined && base !== null) {
    const sentence = `${above.join('.')} is ${kindOf(base)} in the file, and no ${isList ? 'list' : 'map'}`
    throw new ConfigError([{ path: [], sentence }])
  }
  if (isList) {
    return withEntry(listAt(base, above), first, entry =>
      withValue(entry, rest, value, [...above, first]),
    )
  }
  const map = isRecord(base) ? base : {}
  const own = Object.hasOwn(map, first) ? map[first] : undefined
  return { ...map, [first]: withValue(own, rest, value, [...above, first]) }
}

/** The list in the file, or its default. */
function listAt(base: unknown, path: readonly string[]): readonly unknown[] {
  if (Array.isArray(base)) return base
  return base === undefined && path.join('.') === 'listeners' ? parseConfig({}).listeners : []
}

function withEntry(
  list: readonly unknown[],
  number: string,
  change: (entry: unknown) => unknown,
): unknown[] {
  const index = /^\d{1,6}$/.test(number) ? Number(number) : -1
  if (index < 0 || index > list.length) {
    const has = list.length === 0 ? 'is empty' : `has entries 0 to ${list.length - 1}`
    const sentence = `the list ${has}, and entry ${list.length} would be the next: there is no ${number}`
    throw new ConfigError([{ path: [], sentence }])
  }
  const changed = [...list]
  changed[index] = change(list[index])
  return changed
}
