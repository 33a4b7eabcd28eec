// Files and environment → configuration. Every error names its file, line and column, or its variable.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isPair, isScalar, LineCounter } from 'yaml'
import { configSchema } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import type { Config } from './config-types.ts'
import {
  type Environment,
  namesIn,
  variableFor,
  variableName,
  withEnvironment,
} from './environment.ts'
import { isSecret, parseConfig } from './parse.ts'
import { isRecord, kindOf } from './records.ts'
import { keysAt } from './schema-keys.ts'
import { mistakeIn, parseYaml } from './yaml-text.ts'

/** More are no mistake of a person. For each one the file is searched. */
const PROBLEMS_SAID_MAX = 100

interface ConfigSources {
  /** The file, as YAML or JSON; null for none. */
  readonly file: string | null
  /** What the file would hold. Left out: what it holds. */
  readonly text?: string
  /** Values that take the place of a file, with absolute paths. */
  readonly base?: unknown
  readonly environment: Environment
  /** Values of the command line, which override all others. */
  readonly overrides: Readonly<Record<string, unknown>>
}

/** Throws an error whose message is ready to be printed. */
export function loadConfig(sources: ConfigSources): Config {
  const { file, environment } = sources
  const lines = new LineCounter()
  const text = sources.text ?? (file === null ? '' : readText(file))
  const document = parseYaml(text, lines)
  const where = { document, lines, text, file, variables: namesIn(environment) }
  if (file !== null) checkSyntax(where, file)
  try {
    const fromFile: unknown =
      file === null ? (sources.base ?? {}) : (valuesOf(document, file) ?? {})
    const { values } = withEnvironment(fromFile, environment)
    return resolvePaths(parseConfig(merge(values, sources.overrides)), file)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const said = error.problems.slice(0, PROBLEMS_SAID_MAX)
    const more = error.problems.length - said.length
    const rest = more > 0 ? [`and ${more} more`] : []
    throw withCode([...said.map(problem => sentenceOf(problem, where)), ...rest].join('\n'))
  }
}

/** Returns the values of a file as they are written, without defaults and variables. */
export function rawValuesOf(text: string): unknown {
  return parseYaml(text).toJS()
}

interface Where {
  readonly document: Document
  readonly lines: LineCounter
  readonly text: string
  readonly file: string | null
  /** The variables by the path that they set. */
  readonly variables: ReadonlyMap<string, string>
}

/** Whether the file is a configuration of mosquitto. One that cannot be read is none. */
export function isConfOfMosquitto(file: string): boolean {
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return false
  }
  if (!isMosquittos(text)) return false
  const document = parseYaml(text)
  const { contents } = document
  return mistakeIn(document) !== null || !isMap(contents) || !isOurs(contents.toJSON())
}

/** Throws when the file is not a map of keys and values. */
function checkSyntax({ document, lines, text }: Where, file: string): void {
  const mistake = mistakeIn(document)
  const found: unknown = mistake === null ? valuesOf(document, file) : null
  const isMap = mistake === null && (found === null || isRecord(found))
  if (isMosquittos(text) && !(isMap && isOurs(found))) {
    throw withCode(
      `${file}: this looks like a mosquitto.conf. Pondhawk expects keys and values (YAML or JSON), ` +
        'as in config/pondhawk.yaml: "listener 1883" there is "listeners: [{port: 1883}]" here',
    )
  }
  if (mistake !== null) {
    const sentence = mistake.sentence.split('\n')[0] ?? ''
    throw withCode(pointed(file, text, lines.linePos(mistake.offset), sentence))
  }
  if (!isMap) {
    throw withCode(`${file}: expected keys and values (YAML or JSON), found ${kindOf(found)}`)
  }
}

/** Throws when a value stands for another one that is not there, or for too many. */
function valuesOf(document: Document, file: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    throw withCode(`${file}: ${error.message}`)
  }
}

/** The first words of lines in a mosquitto.conf, which a value follows without a colon. */
const MOSQUITTO_LINE = new RegExp(
  `^(?:${[
    'listener|port|bind_address|socket_domain|allow_anonymous|allow_zero_length_clientid|per_listener_settings',
    'persistence|persistence_\\w+|persistent_client_expiration|autosave_\\w+|pid_file|include_dir|user|plugin|auth_\\w+',
    'password_file|acl_file|psk_file|cafile|capath|certfile|keyfile|crlfile|require_certificate|use_\\w+_as_username',
    'log_dest|log_type|log_\\w+|max_\\w+|message_size_limit|retain_available|queue_qos0_messages|sys_interval',
    'connection|address|addresses|topic|bridge_\\w+|remote_\\w+|protocol|http_dir|websockets_\\w+|tls_version',
  ].join('|')})[ \\t]+[^\\s:]`,
  'm',
)

function isMosquittos(text: string): boolean {
  return MOSQUITTO_LINE.test(text)
}

/** Whether it is a map with one of our keys, because a value of several lines may look like a line of mosquitto.conf. */
function isOurs(found: unknown): boolean {
  const known = keysAt(configSchema, [])
  return isRecord(found) && Object.keys(found).some(key => known.includes(key))
}

/** Sentences of the YAML parser quote the file as well. */
function withCode(sentence: string): Error {
  return Object.assign(new Error(withoutHashes(sentence)), { code: 'ERR_CONFIG' })
}

function sentenceOf(problem: ConfigProblem, where: Where): string {
  const path = problem.path.map(String).join('.')
  const sentence = `${problem.sentence}${remedyOf(problem, where.file)}`
  const variable = variableFor(problem.path, where.variables)
  if (variable !== null) return `${variable}: ${sentence}`
  const offset = offsetOf(where.document, problem.path)
  if (where.file === null || offset === null) return `${path}: ${sentence}`
  const at = where.lines.linePos(offset)
  // The line may have a password.
  if (isSecret(problem.path)) return `${where.file}:${at.line}:${at.col}  ${path}: ${sentence}`
  return pointed(where.file, where.text, at, `${path}: ${sentence}`)
}

/** Returns where to correct the mistake: in the file or in a variable. */
export function remedyOf({ remedy }: ConfigProblem, file: string | null): string {
  if (remedy === undefined) return ''
  const key = `${remedy.path.join('.')}: ${remedy.value}`
  const place = file === null ? 'in pondhawk.yaml' : `in ${file}`
  return ` ${key} ${place} (or by the variable ${variableName(remedy.path)}=${remedy.value})`
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

/** Replaces hashes of passwords by as many stars, so that the caret stays where it is. */
function withoutHashes(line: string): string {
  return line.replaceAll(/\$(?:\d|argon2)[^\s"',}]{8,}/g, hash => '*'.repeat(hash.length))
}

/** Returns the place of the value in the file, or else of the key or of the enclosing section. */
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
    throw withCode(`${file} cannot be read (${code ?? 'unknown error'})`)
  }
}

function merge(base: unknown, over: unknown): unknown {
  if (!isRecord(base) || !isRecord(over)) return over === undefined ? base : over
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) merged[key] = merge(base[key], value)
  return merged
}

/** Paths in the configuration are relative to the configuration file. */
function resolvePaths(config: Config, file: string | null): Config {
  if (file === null) return config
  const from = (path: string): string => resolve(dirname(file), path)
  const listeners = config.listeners.map(listener => {
    const { tls, path, access } = listener
    return {
      ...listener,
      ...(path === undefined ? {} : { path: from(path) }),
      ...(tls === undefined ? {} : { tls: mapFiles(tls, from) }),
      ...(access === undefined ? {} : { access: mapFiles(access, from) }),
    }
  })
  const { directory } = config.store
  const store =
    directory === undefined ? config.store : { ...config.store, directory: from(directory) }
  const { users, ...others } = config.access
  const access = { ...mapFiles(others, from), ...(users === undefined ? {} : { users }) }
  return { ...config, listeners, store, access, bridges: mapFiles(config.bridges, from) }
}

/** Applies `from` to every member whose name ends in `File`, at all levels. */
function mapFiles<Value extends object>(value: Value, from: (path: string) => string): Value {
  const mapped = Object.entries(value).map(([key, each]) => {
    if (key.endsWith('File') && typeof each === 'string') return [key, from(each)]
    return [key, isRecord(each) ? mapFiles(each, from) : each]
  })
  // The members and types are the same. Only paths were made absolute.
  return Object.fromEntries(mapped) as Value
}
