// Anything → a valid configuration, or every problem at once.

import { isIP } from 'node:net'
import type { z } from 'zod'
import { configSchema } from './config.ts'
import { isTopicName } from '../routing/topic.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import type { Config, ListenerConfig } from './config-types.ts'
import {
  authenticatorProblems,
  type ByProgram,
  configuredAuthenticators,
} from './authenticators.ts'
import { realmAccess } from './realms.ts'
import { nearest } from '../nearest.ts'
import { isRecord, kindOf, shown } from './records.ts'
import { keysAt, schemaAt, unwrapped } from './schema-keys.ts'
import { isSizeKey, withSizes } from './sizes.ts'

/** Throws ConfigError with all mistakes. */
export function parseConfig(input: unknown, byProgram: ByProgram = []): Config {
  if (input !== undefined && !isRecord(input)) {
    const sentence = `expected keys and values (YAML or JSON), found ${kindOf(input)}`
    throw new ConfigError([{ path: [], sentence }])
  }
  const sized = withSizes(input ?? {}, configSchema)
  const result = configSchema.safeParse(sized, { reportInput: true })
  if (!result.success) throw new ConfigError(result.error.issues.flatMap(problemsOf))
  const { data } = result
  const { certificates, psk } = data.access
  const isVerified = verifiesNames(data.access, byProgram)
  const areKnown = isVerified || (certificates?.user ?? psk?.user) !== undefined
  const anonymous = data.access.anonymous ?? (areKnown ? 'never' : 'loopback')
  const config = {
    ...data,
    access: { ...data.access, anonymous },
    listeners: data.listeners.map(withPort),
  }
  const problems = [
    ...config.listeners.flatMap((listener, index) => {
      const own = realmAccess(listener, config)
      const verifies = listener.access === undefined ? isVerified : verifiesNames(own, [])
      return [
        ...(verifies || listener.access?.anonymous === 'never'
          ? []
          : opennessProblems(listener, index, own)),
        ...(verifies || !listener.requireUser ? [] : [userProblem(index)]),
        ...listenerProblems(listener, index),
      ]
    }),
    ...certificateProblems(config),
    ...pskProblems(config),
    ...securityProblems(config),
    ...authenticatorProblems(config.access, byProgram),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

function withPort(listener: ListenerConfig): ListenerConfig {
  if (listener.port !== undefined || listener.path !== undefined) return listener
  if (listener.protocol === 'ws')
    return { ...listener, port: listener.tls === undefined ? 8_083 : 8_084 }
  return { ...listener, port: listener.tls === undefined ? 1_883 : 8_883 }
}

function listenerProblems(listener: ListenerConfig, index: number): ConfigProblem[] {
  const path = ['listeners', index]
  const problems: ConfigProblem[] = []
  if (listener.path !== undefined && (listener.tls !== undefined || listener.proxyProtocol)) {
    problems.push({
      path: [...path, 'path'],
      sentence: 'a Unix socket has neither TLS nor PROXY protocol',
    })
  }
  if (listener.tls !== undefined) {
    const tlsPath = [...path, 'tls']
    for (const sentence of tlsProblems(listener.tls)) problems.push({ path: tlsPath, sentence })
  }
  const { mountPoint } = listener
  if (mountPoint !== undefined && !isMountPoint(mountPoint)) {
    problems.push({
      path: [...path, 'mountPoint'],
      sentence: MOUNT_POINT_FORM,
    })
  }
  if (listener.tls === undefined && !listener.plaintext && !isOfThisMachine(listener)) {
    problems.push({
      path: [...path, 'host'],
      sentence:
        `${listener.host} can be reached from other machines, and without TLS passwords and messages ` +
        'can be read on the way. Either use TLS (tls.certFile and tls.keyFile), or say',
      remedy: { path: ['listeners', `${index}`, 'plaintext'], value: 'true' },
    })
  }
  return problems
}

export const MOUNT_POINT_FORM =
  'must end with /, begin with no $ and have no wildcard, for example tenant1/'

/** Without a slash at the end, the filter `#` of a client would not be one here. */
export function isMountPoint(text: string): boolean {
  return isTopicName(text) && text.endsWith('/') && !text.startsWith('$')
}

function userProblem(index: number): ConfigProblem {
  const path = ['listeners', index, 'requireUser']
  return { path, sentence: 'needs users who prove their names (access.usersFile, for one)' }
}

/** Where nobody verifies users, a listener that other machines can reach is open to anybody. */
function opennessProblems(
  listener: ListenerConfig,
  index: number,
  access: Config['access'],
): ConfigProblem[] {
  if (access.anonymous === 'everywhere' || isLocal(listener)) return []
  return [
    {
      path: ['listeners', index, 'host'],
      sentence:
        `${listener.host} can be reached from other machines, and anybody could connect. ` +
        'Either ask for passwords (pondhawk user add NAME, and access.usersFile: pondhawk.users), ' +
        'require certificates (tls.requireCertificate with tls.caFile), or say',
      remedy: { path: ['access', 'anonymous'], value: 'everywhere' },
    },
  ]
}

function tlsProblems(tls: NonNullable<ListenerConfig['tls']>): readonly string[] {
  const { certFile, keyFile, pskFile, pskHint, requestCertificate, requireCertificate, sni } = tls
  const problems: string[] = []
  if (requireCertificate === true && tls.caFile === undefined) {
    problems.push('requireCertificate needs caFile, to verify the certificates with')
  }
  if (certFile === undefined && keyFile === undefined && pskFile === undefined) {
    problems.push('needs certFile and keyFile, or pskFile')
  } else if (certFile === undefined && keyFile !== undefined) {
    problems.push('keyFile needs certFile, its certificate')
  } else if (certFile !== undefined && keyFile === undefined) {
    problems.push('certFile needs keyFile, its private key')
  }
  const asks = requestCertificate === true || requireCertificate === true || sni !== undefined
  if (certFile === undefined && pskFile !== undefined && asks) {
    problems.push('certificates of clients, and sni, need certFile and keyFile')
  }
  if (tls.ciphers !== undefined && pskFile !== undefined) {
    problems.push('ciphers and pskFile cannot be together: keys bring their own ciphers')
  }
  if (pskHint !== undefined && pskFile === undefined) problems.push('pskHint is only for pskFile')
  return problems
}

function pskProblems({ access, listeners }: Config): ConfigProblem[] {
  if (access.psk === undefined || listeners.some(({ tls }) => tls?.pskFile !== undefined)) return []
  return [{ path: ['access', 'psk'], sentence: 'no listener has pre-shared keys (tls.pskFile)' }]
}

/** Where no listener asks for a certificate nobody is known by one, and without caFile any public authority could name a user. */
function certificateProblems({ access, listeners }: Config): ConfigProblem[] {
  if (access.certificates === undefined) return []
  const asking = listeners.flatMap(({ tls }, index) =>
    tls?.requireCertificate === true || tls?.requestCertificate === true ? [{ tls, index }] : [],
  )
  if (asking.length === 0) {
    const sentence = 'no listener asks for certificates (tls.requireCertificate, with tls.caFile)'
    return [{ path: ['access', 'certificates'], sentence }]
  }
  return asking
    .filter(({ tls }) => tls.caFile === undefined)
    .map(({ index }) => ({
      path: ['listeners', index, 'tls'],
      sentence: 'access.certificates needs caFile: the authority that may name users',
    }))
}

/** One source of users and rules, so that nobody has to guess which of two decides. */
function securityProblems({ access, listeners }: Config): ConfigProblem[] {
  const all = [{ path: ['access'], access }].concat(
    listeners.flatMap(({ access: own }, index) =>
      own === undefined ? [] : [{ path: ['listeners', `${index}`, 'access'], access: own }],
    ),
  )
  const secured = all.filter(each => each.access.dynamicSecurityFile !== undefined)
  const others = secured.slice(1).map(({ path }) => ({
    path: [...path, 'dynamicSecurityFile'],
    sentence: 'commands change one file only, so there is one for all listeners, or one listener',
  }))
  const beside = secured.flatMap(({ path, access: { usersFile, users, rulesFile, rules } }) =>
    Object.entries({ usersFile, users, rulesFile, rules })
      .filter(([, value]) => value !== undefined)
      .map(([key]) => ({
        path: [...path, key],
        sentence: `${path.join('.')}.dynamicSecurityFile has users and rules already: leave out ${path.join('.')}.${key}`,
      })),
  )
  return [...beside, ...others]
}

/** Whether clients need a password or a token. */
function verifiesNames(access: Config['access'], byProgram: ByProgram): boolean {
  return configuredAuthenticators(access, byProgram).some(
    name => name !== 'certificates' && name !== 'psk',
  )
}

/** Whether only this machine, or only clients with a certificate or a pre-shared key, can connect. */
function isLocal(listener: ListenerConfig): boolean {
  const { tls } = listener
  const isProved =
    tls?.requireCertificate === true || (tls !== undefined && tls.certFile === undefined)
  return isProved || isOfThisMachine(listener)
}

/** Whether only this machine can connect: a Unix socket, or a loopback address. */
export function isOfThisMachine({ path, host }: Pick<ListenerConfig, 'path' | 'host'>): boolean {
  if (path !== undefined) return true
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function problemsOf(issue: z.core.$ZodIssue): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({
      path: [...issue.path, key],
      sentence: `unknown key ${JSON.stringify(key)}${suggestion(key, issue.path)}`,
    }))
  }
  return [{ path: issue.path, sentence: sentenceOf(issue) }]
}

/** Whether the value, or what somebody wrote in its place, may be a password: it is in no sentence. */
export function isSecret([section, key, member]: readonly PropertyKey[]): boolean {
  return (
    (section === 'access' && key === 'users') || (section === 'bridges' && member === 'password')
  )
}

function wrongSecret(path: readonly PropertyKey[], input: unknown): string {
  if (path[0] === 'bridges') return `must be text, not ${kindOf(input)}: put it in quotes`
  const expected = path.length === 2 ? 'a map of names and hashes' : 'text, the hash of a password'
  return `must be ${expected}, not ${kindOf(input)}${typeof input === 'number' ? ': put it in quotes' : ''}`
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  const key = String(issue.path.findLast(part => typeof part === 'string') ?? '')
  switch (issue.code) {
    case 'invalid_value':
      return wrongWord(issue.values.map(String), issue.input)
    case 'invalid_type':
      if (isSecret(issue.path)) return wrongSecret(issue.path, issue.input)
      return wrongType(issue.expected, issue.input, key)
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty'
      return `must be ${issue.minimum} or more, not ${shown(issue.input)}`
    case 'too_big':
      return `must be ${issue.maximum} or less, not ${shown(issue.input)}`
    default:
      return issue.message
  }
}

/** Names of protocols in other brokers, with the names to use here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  wss: 'wss is ws with tls:',
  websockets: 'websockets is ws',
  websocket: 'websocket is ws',
  http: 'http is ws, which serves the web page as well',
  https: 'https is ws with tls:',
  mqtts: 'mqtts is mqtt with tls:',
  ssl: 'ssl is mqtt with tls:',
  tls: 'tls is mqtt with tls:',
  tcp: 'tcp is mqtt',
  unix: 'unix is mqtt with path:',
}

function wrongWord(accepted: readonly string[], input: unknown): string {
  const words = accepted.map(value => JSON.stringify(value)).join(', ')
  const sentence = `must be one of ${words}, not ${shown(input)}`
  const word = typeof input === 'string' ? input.toLowerCase() : ''
  if (accepted.includes('mqtt')) {
    return Object.hasOwn(OTHER_NAMES, word) ? `${sentence} (${OTHER_NAMES[word]})` : sentence
  }
  const meant = nearest(word, accepted)
  return word === '' || meant === null ? sentence : `${sentence} (did you mean ${meant}?)`
}

function wrongType(expected: string, input: unknown, key: string): string {
  const isNumber = expected === 'number' || expected === 'int'
  if (isNumber && isSizeKey(key) && typeof input === 'string') {
    return `must be a number of bytes, or a size such as 10MB or 16MiB, not ${shown(input)}`
  }
  if (isNumber) return `must be a whole number, not ${shown(input)}`
  switch (expected) {
    case 'array':
      return `must be a list, as [one, two], not ${shown(input)}`
    case 'object':
    case 'record':
      return `must be a map of keys and values, not ${shown(input)}`
    case 'string':
      return `must be text, not ${shown(input)}${typeof input === 'number' ? ': put it in quotes' : ''}`
    case 'boolean':
      return `must be true or false, not ${shown(input)}`
    default:
      return `must be a ${expected}, not ${shown(input)}`
  }
}

function suggestion(key: string, path: readonly PropertyKey[]): string {
  const home = path.length === 0 ? homeOf(key) : null
  if (home !== null) return ` (did you mean ${home}?)`
  const best = nearest(key, keysAt(configSchema, path))
  return best === null ? '' : ` (did you mean ${JSON.stringify(best)}?)`
}

/** Returns the full path of a key that was written without its section: `limits.receiveMax`, `listeners.0.port`. */
function homeOf(key: string): string | null {
  const bare = key.replaceAll('_', '').toLowerCase()
  for (const section of keysAt(configSchema, [])) {
    const isList = unwrapped(schemaAt(configSchema, [section])).type === 'array'
    const path = isList ? [section, 0] : [section]
    const found = keysAt(configSchema, path).find(each => each.toLowerCase() === bare)
    if (found !== undefined) return [...path, found].join('.')
  }
  return null
}
