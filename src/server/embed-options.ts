// The options of createBroker → a configuration, and the parts that the program supplies. Unknown options are refused:
// a misspelt `access` would let everybody in.

import { CODE, CodeAuthenticator, type GivenAuthenticator } from '../access/code-authenticator.ts'
import { type Complaint, type GivenAccess, guardedAccess } from '../access/guarded-access.ts'
import { ConfigError, type ConfigProblem } from '../config/config-error.ts'
import type { Config, ConfigInput } from '../config/config-types.ts'
import { configSchema } from '../config/config.ts'
import { parseConfig } from '../config/parse.ts'
import { isRecord, kindOf } from '../config/records.ts'
import { keysAt } from '../config/schema-keys.ts'
import type { Hooks } from '../hooks/contexts.ts'
import { HOOK_NAMES } from '../hooks/registry.ts'
import { containedLog } from '../observe/contained-log.ts'
import { causeOf } from '../observe/cause.ts'
import { type Log, SILENT } from '../observe/log.ts'
import type { Store } from '../store/store.ts'
import type { EmbeddedBroker } from './embedded-broker.ts'
import { elsewhere } from './sealed.ts'
import type { ServerParts } from './server-parts.ts'

export interface EmbedOptions extends Omit<ConfigInput, 'store' | 'access' | 'log'> {
  readonly log?: Log
  /**
   * Who may connect: code that decides alone, or the configuration, of which `code` may be one authenticator. With code, listeners may
   * be reached from other machines without `anonymous: everywhere`.
   */
  readonly access?:
    GivenAccess | (ConfigInput['access'] & { readonly code?: GivenAuthenticator }) | undefined
  /** A store of your own, or the settings of the broker's store. Default: in memory. */
  readonly store?: Store | ConfigInput['store']
  /** A commit failed: by default the process ends with status 74 (an I/O error). */
  readonly commitFailed?: (error: Error) => void
  /** A change of the broker's state has thrown: nothing is sent any more. By default the error ends the process. */
  readonly stateFailed?: (error: Error) => void
  /** Hooks that are there before the first client, and before wills of an earlier run. */
  readonly hooks?: Partial<Hooks>
  /** How long a hook may take, in milliseconds: 5,000 if left out. */
  readonly hookTimeoutMs?: number
  /** Is called before the listeners open: for plugins. If it fails the broker does not start. */
  readonly setUp?: (broker: EmbeddedBroker) => void | Promise<void>
}

interface Embedding {
  readonly config: Config
  readonly parts: ServerParts
  readonly log: Log
  readonly hooks: Partial<Hooks>
  readonly setUp: Exclude<EmbedOptions['setUp'], undefined>
}

const OWN_OPTIONS = [
  'log',
  'access',
  'store',
  'commitFailed',
  'stateFailed',
  'hooks',
  'hookTimeoutMs',
  'setUp',
]
const LOG_METHODS = ['debug', 'info', 'warn', 'error']
const STORE_METHODS = ['open', 'record', 'commit', 'page', 'close']
const ACCESS_METHODS = ['authenticate', 'beginExchange', 'permissionsOf']

/** Throws ConfigError with all that is wrong. */
export function embeddingOf(options: EmbedOptions): Embedding {
  const isMap: boolean = isRecord(options)
  if (!isMap) {
    throw new ConfigError([problem([], `createBroker takes options, and not ${kindOf(options)}`)])
  }
  const problems = [
    ...optionProblems(options),
    ...logProblems(options.log),
    ...storeProblems(options.store),
    ...hookProblems(options.hooks ?? {}, options.hookTimeoutMs),
  ]
  const { access, store, log: givenLog, commitFailed, stateFailed, ...others } = options
  const { hooks = {}, hookTimeoutMs, setUp, ...input } = others
  const given = givenAccess(access, problems)
  const code = givenAuthenticator(access, problems)
  for (const [name, handler] of Object.entries({ commitFailed, stateFailed, setUp })) {
    if (handler === undefined || typeof handler === 'function') continue
    problems.push(problem([name], 'must be a function'))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  const isOwn = isStore(store)
  const log = givenLog ?? SILENT
  const configured = {
    ...input,
    listeners: input.listeners ?? [],
    frontEnds: input.frontEnds ?? 0,
    // A program that authenticates in code may listen on any address.
    access: given === null ? withoutCode(access ?? {}) : { anonymous: 'everywhere' },
    store: store === undefined || isOwn ? { durability: 'memory' } : store,
  }
  const config = parseConfig(configured, code === null ? [] : ['code'])
  if (given !== null) assertNoOwnUsers(config)
  const complain = complaintTo(containedLog(log, () => {}))
  const parts = {
    ...(given === null ? {} : { access: guardedAccess(given, complain) }),
    ...(code === null ? {} : { code: new CodeAuthenticator(code, { complain }) }),
    ...(isOwn ? { store } : {}),
    ...(commitFailed === undefined ? {} : { commitFailed }),
    ...(stateFailed === undefined ? {} : { stateFailed }),
    ...(hookTimeoutMs === undefined ? {} : { hookMsMax: hookTimeoutMs }),
  }
  return { config, parts, log, hooks, setUp: setUp ?? (() => {}) }
}

/** A program that decides on all clients is not asked by listeners with users of their own, which would be forgotten. */
function assertNoOwnUsers({ listeners }: Config): void {
  const problems = listeners.flatMap(({ access }, index) =>
    access === undefined
      ? []
      : [
          problem(
            ['listeners', `${index}`, 'access'],
            'access.authenticate decides on all clients',
          ),
        ],
  )
  if (problems.length > 0) throw new ConfigError(problems)
}

function isStore(store: EmbedOptions['store']): store is Store {
  return typeof store === 'object' && 'commit' in store
}

function storeProblems(store: unknown): ConfigProblem[] {
  if (store === undefined) return []
  if (typeof store !== 'object' || store === null) {
    return [problem(['store'], `must be a store, or how to store, and not ${kindOf(store)}`)]
  }
  if (!('commit' in store)) return []
  const missing = STORE_METHODS.filter(name => typeof Reflect.get(store, name) !== 'function')
  return missing.map(name => problem(['store'], `a store of your own needs ${name}`))
}

function optionProblems(options: object): ConfigProblem[] {
  const known = [...keysAt(configSchema, []), ...OWN_OPTIONS]
  return Object.keys(options)
    .filter(name => !known.includes(name))
    .map(name => problem([name], `unknown option ${JSON.stringify(name)}${instead(name, known)}`))
}

function hookProblems(hooks: unknown, timeoutMs: unknown): ConfigProblem[] {
  const isTime = timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs > 0)
  const problems = isTime ? [] : [problem(['hookTimeoutMs'], 'must be a number above 0')]
  if (!isRecord(hooks)) {
    return [...problems, problem(['hooks'], `must be functions by name, not ${kindOf(hooks)}`)]
  }
  for (const [name, hook] of Object.entries(hooks)) {
    const names: readonly string[] = HOOK_NAMES
    if (!names.includes(name)) {
      const hint = elsewhere(name, HOOK_NAMES)
      problems.push(problem(['hooks', name], `unknown hook ${JSON.stringify(name)}${hint}`))
    } else if (typeof hook !== 'function') {
      problems.push(problem(['hooks', name], `must be a function, not ${kindOf(hook)}`))
    }
  }
  return problems
}

function instead(name: string, known: readonly string[]): string {
  if (name === 'port' || name === 'host') return ` (listeners: [{ ${name} }])`
  return elsewhere(name, known)
}

function logProblems(log: unknown): ConfigProblem[] {
  if (log === undefined) return []
  const has = (name: string): boolean =>
    typeof (log as Record<string, unknown> | null)?.[name] === 'function'
  if (LOG_METHODS.every(has)) return []
  return [problem(['log'], 'must have the methods debug, info, warn and error, as pino has')]
}

/** Returns the access in code, or null if only the configuration decides. */
function givenAccess(access: unknown, problems: ConfigProblem[]): GivenAccess | null {
  if (access === undefined) return null
  if (typeof access !== 'object' || access === null) {
    problems.push(problem(['access'], `must be an object with authenticate, not ${kindOf(access)}`))
    return null
  }
  const members = access as Record<string, unknown>
  const prototype: unknown = Object.getPrototypeOf(access)
  const isPlain = prototype === Object.prototype || prototype === null
  const configured = keysAt(configSchema, ['access'])
  const known = [...ACCESS_METHODS, CODE, ...configured]
  // An instance of a class may have other members.
  const unknown = isPlain ? Object.keys(members).filter(name => !known.includes(name)) : []
  for (const name of unknown) {
    const hint = elsewhere(name, known)
    problems.push(problem(['access', name], `unknown option ${JSON.stringify(name)}${hint}`))
  }
  for (const name of ACCESS_METHODS) {
    if (members[name] !== undefined && typeof members[name] !== 'function') {
      problems.push(problem(['access', name], `must be a function, not ${kindOf(members[name])}`))
    }
  }
  if (isPlain && ACCESS_METHODS.every(name => members[name] === undefined)) {
    const isConfiguration =
      unknown.length > 0 || [CODE, ...configured].some(name => name in members)
    if (!isConfiguration) problems.push(problem(['access'], 'needs authenticate(credentials)'))
    return null
  }
  if (typeof members['authenticate'] !== 'function') {
    problems.push(problem(['access'], 'needs authenticate(credentials)'))
  }
  // Its members were just checked.
  return access as unknown as GivenAccess
}

const CODE_METHODS = ['authenticate', 'permissionsOf']

/** Returns the authenticator in code that is one of several, or null. */
function givenAuthenticator(access: unknown, problems: ConfigProblem[]): GivenAuthenticator | null {
  if (!isRecord(access) || access[CODE] === undefined) return null
  const path = ['access', CODE]
  if (ACCESS_METHODS.some(name => access[name] !== undefined)) {
    const sentence = 'is one authenticator of several, and access.authenticate decides alone'
    problems.push(problem(path, `${sentence}: give one of them`))
  }
  const code = access[CODE]
  if (typeof code !== 'object' || code === null) {
    problems.push(problem(path, `must be an object with authenticate, not ${kindOf(code)}`))
    return null
  }
  for (const name of CODE_METHODS) {
    const member: unknown = Reflect.get(code, name)
    if (typeof member === 'function' || (member === undefined && name !== 'authenticate')) continue
    problems.push(problem([...path, name], `must be a function, not ${kindOf(member)}`))
  }
  // Its members were just checked.
  return code as GivenAuthenticator
}

function withoutCode(access: object): object {
  return Object.fromEntries(Object.entries(access).filter(([name]) => name !== CODE))
}

function complaintTo(log: Log): Complaint {
  return (sentence, error) => {
    log.error(
      { event: 'embedder.fault', ...(error !== null && { cause: causeOf(error) }) },
      sentence,
    )
  }
}

function problem(path: readonly string[], sentence: string): ConfigProblem {
  return { path, sentence }
}
