// Anything → a valid configuration, or every problem at once.

import { isIP } from 'node:net'
import type { z } from 'zod'
import {
  type Config,
  ConfigError,
  type ConfigProblem,
  configSchema,
  type ListenerConfig,
} from './config.ts'
import { nearest } from './nearest.ts'

/** Throws ConfigError with all that is wrong. */
export function parseConfig(input: unknown): Config {
  const result = configSchema.safeParse(input ?? {})
  if (!result.success) throw new ConfigError(result.error.issues.flatMap(problemsOf))
  const config = { ...result.data, listeners: result.data.listeners.map(withPort) }
  const problems = config.listeners.flatMap((listener, index) =>
    listenerProblems(listener, index, config),
  )
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

function withPort(listener: ListenerConfig): ListenerConfig {
  if (listener.port !== undefined || listener.path !== undefined) return listener
  if (listener.protocol === 'ws')
    return { ...listener, port: listener.tls === undefined ? 8_083 : 8_084 }
  return { ...listener, port: listener.tls === undefined ? 1_883 : 8_883 }
}

function listenerProblems(
  listener: ListenerConfig,
  index: number,
  config: Config,
): ConfigProblem[] {
  const path = ['listeners', index]
  const problems: ConfigProblem[] = []
  if (listener.path !== undefined && (listener.tls !== undefined || listener.proxyProtocol)) {
    problems.push({
      path: [...path, 'path'],
      sentence: 'a Unix socket has neither TLS nor PROXY protocol',
    })
  }
  if (listener.tls?.requireCertificate === true && listener.tls.caFile === undefined) {
    const sentence = 'requireCertificate needs caFile, to verify the certificates with'
    problems.push({ path: [...path, 'tls'], sentence })
  }
  if (config.access.anonymous === 'loopback' && !isLocal(listener)) {
    problems.push({
      path: [...path, 'host'],
      sentence:
        `${listener.host} can be reached from other machines, and anybody could connect. ` +
        'Either require certificates (tls.requireCertificate with tls.caFile), or say access.anonymous: everywhere',
    })
  }
  return problems
}

/** Only this machine, or only holders of a certificate, can connect. */
function isLocal(listener: ListenerConfig): boolean {
  if (listener.path !== undefined || listener.tls?.requireCertificate === true) return true
  const { host } = listener
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function problemsOf(issue: z.core.$ZodIssue): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({
      path: [...issue.path, key],
      sentence: `unknown key ${JSON.stringify(key)}${suggestion(key, issue.path)}`,
    }))
  }
  if (issue.code === 'invalid_value') {
    const accepted = issue.values.map(value => JSON.stringify(value)).join(', ')
    return [{ path: issue.path, sentence: `must be one of ${accepted}` }]
  }
  return [{ path: issue.path, sentence: plain(issue.message) }]
}

function plain(message: string): string {
  return message
    .replace(/^Invalid input: expected (\w+), received (\w+)$/, 'must be a $1, not $2')
    .replace(/^Too small: expected number to be >=(-?\d+)$/, 'must be $1 or more')
    .replace(/^Too big: expected number to be <=(-?\d+)$/, 'must be $1 or less')
    .replace('must be a int', 'must be a whole number')
}

function suggestion(key: string, path: readonly PropertyKey[]): string {
  const known = keysAt(configSchema, path)
  const best = nearest(key, known)
  return best === null ? '' : ` (did you mean ${JSON.stringify(best)}?)`
}

/** The keys that the schema has at this path. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const { shape, rest } = unwrapped(schema)
  const [first, ...more] = path
  if (first === undefined) return shape === null ? [] : Object.keys(shape)
  if (shape !== null) return keysAt(shape[String(first)], more)
  return rest === null ? [] : keysAt(rest, more)
}

interface Unwrapped {
  /** The members of an object. */
  readonly shape: Record<string, unknown> | null
  /** What an array or a record holds. */
  readonly rest: unknown
}

/** Sees through defaults, optionals and nullables. */
export function unwrapped(schema: unknown): Unwrapped {
  const definition = (schema as { def?: Record<string, unknown> } | undefined)?.def
  if (definition === undefined) return { shape: null, rest: null }
  if ('innerType' in definition) return unwrapped(definition['innerType'])
  if ('shape' in definition)
    return { shape: definition['shape'] as Record<string, unknown>, rest: null }
  return { shape: null, rest: definition['element'] ?? definition['valueType'] ?? null }
}
