// Files and environment → configuration. Every error names its file, line and column, or its variable.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import { type Config, ConfigError, type ConfigProblem, configSchema } from './config.ts'
import { keysAt, parseConfig } from './parse.ts'

const PREFIX = 'PONDHAWK_'

export interface ConfigSources {
  /** YAML or JSON. Null for none. */
  readonly file: string | null
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What the command line says; it goes before all else. */
  readonly overrides: Readonly<Record<string, unknown>>
}

/** Throws an error whose message is ready to be printed. */
export function loadConfig(sources: ConfigSources): Config {
  const { file } = sources
  const lines = new LineCounter()
  const text = file === null ? '' : readText(file)
  const document = parseDocument(text, { lineCounter: lines })
  const [syntaxError] = document.errors
  if (syntaxError !== undefined && file !== null) {
    const at = lines.linePos(syntaxError.pos[0])
    throw new Error(
      pointed(file, text, at, syntaxError.message.split('\n')[0]?.replace(/ at line .*/, '') ?? ''),
    )
  }
  const fromFile: unknown = document.toJS() ?? {}
  const fromEnvironment = environmentOf(sources.environment)
  const merged = merge(merge(fromFile, fromEnvironment.values), sources.overrides)
  try {
    return resolvePaths(parseConfig(merged), file)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const where = { document, lines, text, file, variables: fromEnvironment.variables }
    throw new Error(error.problems.map(problem => sentenceOf(problem, where)).join('\n'))
  }
}

interface Where {
  readonly document: Document
  readonly lines: LineCounter
  readonly text: string
  readonly file: string | null
  /** Variables by the path they set. */
  readonly variables: ReadonlyMap<string, string>
}

function sentenceOf(problem: ConfigProblem, where: Where): string {
  const path = problem.path.map(String).join('.')
  const variable = where.variables.get(path)
  if (variable !== undefined) return `${variable}: ${problem.sentence}`
  const offset = offsetOf(where.document, problem.path)
  if (where.file === null || offset === null) return `${path}: ${problem.sentence}`
  return pointed(
    where.file,
    where.text,
    where.lines.linePos(offset),
    `${path}: ${problem.sentence}`,
  )
}

/** `pondhawk.yaml:4:5  sentence`, the line, and a caret under the place. */
function pointed(
  file: string,
  text: string,
  at: { line: number; col: number },
  sentence: string,
): string {
  const line = text.split('\n')[at.line - 1] ?? ''
  const caret = `${' '.repeat(at.col - 1)}^`
  return `${file}:${at.line}:${at.col}  ${sentence}\n      ${line}\n      ${caret}`
}

/** Where the value, or failing that the key, or what holds it stands in the file. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | null {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown =
      length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const last = path[length - 1]
    if (isMap(parent)) {
      const pair = parent.items.find(
        each => isPair(each) && isScalar(each.key) && each.key.value === last,
      )
      if (pair !== undefined && isScalar(pair.key) && pair.key.range) {
        return pair.key.range[0]
      }
    }
    const node = document.getIn(path.slice(0, length), true) as
      { range?: [number, number, number] | null } | undefined
    if (node?.range) return node.range[0]
  }
  return null
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`${file} cannot be read (${code ?? 'unknown error'})`)
  }
}

interface EnvironmentValues {
  readonly values: Record<string, unknown>
  readonly variables: ReadonlyMap<string, string>
}

/** PONDHAWK_LIMITS__PACKET_BYTES_MAX=4096 → limits.packetBytesMax. */
function environmentOf(environment: ConfigSources['environment']): EnvironmentValues {
  const values: Record<string, unknown> = {}
  const variables = new Map<string, string>()
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || text === undefined) continue
    const path: string[] = []
    for (const part of variable.slice(PREFIX.length).split('__')) {
      const bare = part.replaceAll('_', '').toLowerCase()
      path.push(keysAt(configSchema, path).find(key => key.toLowerCase() === bare) ?? part)
    }
    setIn(values, path, parseDocument(text).toJS())
    variables.set(path.join('.'), variable)
  }
  return { values, variables }
}

function setIn(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = '', ...rest] = path
  if (rest.length === 0) {
    target[first] = value
    return
  }
  const inner = isRecord(target[first]) ? target[first] : {}
  target[first] = inner
  setIn(inner, rest, value)
}

function merge(base: unknown, over: unknown): unknown {
  if (!isRecord(base) || !isRecord(over)) return over === undefined ? base : over
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) merged[key] = merge(base[key], value)
  return merged
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Files that the configuration names lie relative to the configuration. */
function resolvePaths(config: Config, file: string | null): Config {
  if (file === null) return config
  const from = (path: string): string => resolve(dirname(file), path)
  const listeners = config.listeners.map(listener => {
    const { tls, path } = listener
    return {
      ...listener,
      ...(path === undefined ? {} : { path: from(path) }),
      ...(tls === undefined ? {} : { tls: mapFiles(tls, from) }),
    }
  })
  const { directory } = config.store
  const store =
    directory === undefined ? config.store : { ...config.store, directory: from(directory) }
  return { ...config, listeners, store }
}

/** Every member whose name ends in `File`, here and below, goes through `from`. */
function mapFiles<Value extends object>(value: Value, from: (path: string) => string): Value {
  const mapped = Object.entries(value).map(([key, each]) => {
    if (key.endsWith('File') && typeof each === 'string') return [key, from(each)]
    return [key, isRecord(each) ? mapFiles(each, from) : each]
  })
  // The same members with the same types: only paths were made absolute.
  return Object.fromEntries(mapped) as Value
}
