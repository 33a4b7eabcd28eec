// The configuration key by key, and where each value comes from.

import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import type { Config } from './config-types.ts'
import { type Environment, namesIn } from './environment.ts'
import { loadConfig } from './load.ts'
import { isSecret, parseConfig } from './parse.ts'
import { isRecord } from './records.ts'

/** What a configuration was read from. */
export interface ConfigOrigin {
  /** Null for none. */
  readonly file: string | null
  readonly environment: Environment
  /** For a file in another format: the values that it stands for, and the place of each by its path. */
  readonly mapped?: { readonly base: unknown; readonly places: ReadonlyMap<string, string> }
}

interface ConfigEntry {
  readonly path: string
  readonly value: unknown
  /** `default`, `pondhawk.yaml:12`, the name of a variable, `flag`, or `program` where a program has made the configuration. */
  readonly source: string
}

type Path = readonly (string | number)[]

const HIDDEN = '(a hash)'

export function entriesOf(config: Config, origin: ConfigOrigin | null): readonly ConfigEntry[] {
  const sourceOf = origin === null ? sourcesOfProgram() : sourcesOf(origin)
  return leavesOf(config, []).map(([path, value]) => ({
    path: path.join('.'),
    value: isSecret(path) ? HIDDEN : value,
    source: sourceOf(path, value),
  }))
}

type SourceOf = (path: Path, value: unknown) => string

function sourcesOfProgram(): SourceOf {
  const defaults = parseConfig({})
  return (path, value) => (isSame(valueAt(defaults, path), value) ? 'default' : 'program')
}

/** The file may have changed since the start, or be gone: then its lines are not known. */
function sourcesOf({ file, environment, mapped }: ConfigOrigin): SourceOf {
  const variables = namesIn(environment)
  const lines = new LineCounter()
  const isRead = file !== null && mapped === undefined
  const base = mapped?.base
  const read = attempted(() => ({
    text: isRead ? readFileSync(file, 'utf8') : '',
    config: loadConfig({ file: isRead ? file : null, base, environment, overrides: {} }),
  }))
  const document = parseDocument(read?.text ?? '', { lineCounter: lines })
  const config = read?.config ?? null
  return (path, value) => {
    if (config !== null && !isSame(valueAt(config, path), value)) return 'flag'
    const variable = variableAbove(path, variables)
    if (variable !== null) return variable
    if (mapped !== undefined) return mapped.places.get(path.join('.')) ?? 'default'
    const node = attempted(() => document.getIn(path, true)) as
      { range?: readonly [number, number, number] | null } | null | undefined
    if (node?.range == null) return 'default'
    return `${file}:${lines.linePos(node.range[0]).line}`
  }
}

/** Returns the variable that sets this value, or a map or list around it. */
function variableAbove(path: Path, variables: ReadonlyMap<string, string>): string | null {
  for (let length = path.length; length > 0; length--) {
    const name = variables.get(path.slice(0, length).join('.'))
    if (name !== undefined) return name
  }
  return null
}

/** Values that are no maps, and no lists of maps. */
function leavesOf(value: unknown, path: Path): readonly (readonly [Path, unknown])[] {
  if (Array.isArray(value) && value.some(isRecord)) {
    return value.flatMap((each: unknown, index) => leavesOf(each, [...path, index]))
  }
  if (!isRecord(value)) return value === undefined ? [] : [[path, value]]
  return Object.entries(value).flatMap(([name, each]) => leavesOf(each, [...path, name]))
}

function valueAt(value: unknown, [first, ...rest]: Path): unknown {
  if (first === undefined) return value
  if (Array.isArray(value)) return valueAt(value[Number(first)], rest)
  return isRecord(value) ? valueAt(value[first], rest) : undefined
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function attempted<Result>(read: () => Result): Result | null {
  try {
    return read()
  } catch {
    return null
  }
}
