// The configuration key by key, and where each value comes from.

import { readFileSync } from 'node:fs'
import { LineCounter } from 'yaml'
import type { Config } from './config-types.ts'
import { type Environment, namesIn } from './environment.ts'
import { loadConfig } from './load.ts'
import { isSecret, parseConfig } from './parse.ts'
import { isRecord } from './records.ts'
import { parseYaml } from './yaml-text.ts'

/** What a configuration was read from. */
export interface ConfigOrigin {
  /** Null for none. */
  readonly file: string | null
  /** What the file held at the start. Left out: what it holds. */
  readonly text?: string
  readonly environment: Environment
  /** For a file in another format: the values that it stands for, and the place of each by its path. */
  readonly mapped?: { readonly base: unknown; readonly places: ReadonlyMap<string, string> }
}

interface ConfigEntry {
  readonly path: string
  readonly value: unknown
  /** `default`, `pondhawk.yaml:12`, the name of a variable, `flag`, or `program` where a program has made the configuration. */
  readonly source: string
  /** Whether the file says otherwise by now, so that a restart changes it. */
  readonly restart: boolean
}

export type Path = readonly (string | number)[]

const HIDDEN = '(a hash)'

/** `changed`: values that have changed since the start. */
export function entriesOf(
  config: Config,
  origin: ConfigOrigin | null,
  changed: ReadonlyMap<string, unknown> = new Map(),
): readonly ConfigEntry[] {
  const sources = origin === null ? sourcesOfProgram() : sourcesOf(origin)
  return leavesOf(config).map(([path, atStart]) => {
    const key = path.join('.')
    const value = changed.get(key) ?? atStart
    const shown = isSecret(path) ? HIDDEN : value
    return { path: key, value: shown, ...sources(path, atStart, value) }
  })
}

/** Paths that a flag of the command line has set. */
export function flaggedIn(config: Config, origin: ConfigOrigin): ReadonlySet<string> {
  const begun = loadedAtStart(origin)
  const paths = begun === null ? [] : changedPaths(begun, config)
  return new Set(paths.map(path => path.join('.')))
}

/** Paths of values that are in one of them only, or differ. */
export function changedPaths(before: unknown, after: unknown): readonly Path[] {
  const all = new Map<string, { readonly path: Path; readonly value: unknown }>()
  for (const [path, value] of leavesOf(before)) all.set(JSON.stringify(path), { path, value })
  const changed: Path[] = []
  for (const [path, value] of leavesOf(after)) {
    const key = JSON.stringify(path)
    const former = all.get(key)
    all.delete(key)
    if (former === undefined || !isSame(former.value, value)) changed.push(path)
  }
  return [...changed, ...[...all.values()].map(({ path }) => path)]
}

type SourceOf = (
  path: Path,
  atStart: unknown,
  value: unknown,
) => Pick<ConfigEntry, 'source' | 'restart'>

function sourcesOfProgram(): SourceOf {
  const defaults = parseConfig({})
  return (path, atStart) => ({
    source: isSame(valueAt(defaults, path), atStart) ? 'default' : 'program',
    restart: false,
  })
}

/** The file may have changed since the start, or be gone: then its lines are not known. */
function sourcesOf(origin: ConfigOrigin): SourceOf {
  const { file, environment, mapped } = origin
  const variables = namesIn(environment)
  const lines = new LineCounter()
  const begun = loadedAtStart(origin)
  const isRead = file !== null && mapped === undefined
  const text = attempted(() => (isRead ? readFileSync(file, 'utf8') : '')) ?? ''
  const isAsBegun = !isRead || text === origin.text
  const now = isAsBegun
    ? begun
    : attempted(() => loadConfig({ file, text, environment, overrides: {} }))
  const document = parseYaml(text, lines)
  return (path, atStart, value) => {
    if (begun !== null && !isSame(valueAt(begun, path), atStart)) {
      return { source: 'flag', restart: false }
    }
    const restart = now !== null && !isSame(valueAt(now, path), value)
    const variable = variableAbove(path, variables)
    if (variable !== null) return { source: variable, restart }
    if (mapped !== undefined) {
      return { source: mapped.places.get(path.join('.')) ?? 'default', restart }
    }
    const node = attempted(() => document.getIn(path, true)) as
      { range?: readonly [number, number, number] | null } | null | undefined
    if (node?.range == null) return { source: restart ? `${file}` : 'default', restart }
    return { source: `${file}:${lines.linePos(node.range[0]).line}`, restart }
  }
}

/** What was loaded of each origin with the text at the start, because this takes tens of milliseconds. */
const LOADED = new WeakMap<ConfigOrigin, Config | null>()

/** Null if it cannot be loaded any more. */
function loadedAtStart(origin: ConfigOrigin): Config | null {
  const known = LOADED.get(origin)
  if (known !== undefined) return known
  const loaded = attempted(() => loadConfig({ ...textAtStart(origin), overrides: {} }))
  // Without its text the file may hold something else the next time.
  if (origin.text !== undefined || origin.mapped !== undefined) LOADED.set(origin, loaded)
  return loaded
}

function textAtStart({ file, text, environment, mapped }: ConfigOrigin) {
  if (mapped !== undefined) return { file: null, base: mapped.base, environment }
  return { file, environment, ...(text !== undefined && { text }) }
}

/** Returns the variable that sets this value, or a map or list around it. */
export function variableAbove(path: Path, variables: ReadonlyMap<string, string>): string | null {
  for (let length = path.length; length > 0; length--) {
    const name = variables.get(path.slice(0, length).join('.'))
    if (name !== undefined) return name
  }
  return null
}

/** Values that are no maps, and no lists of maps. */
export function leavesOf(value: unknown, path: Path = []): readonly (readonly [Path, unknown])[] {
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
