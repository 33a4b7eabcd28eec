// All hooks of a broker by name. A name without hooks costs the broker nothing: its hook point is null, and its event is not observed.

import { isThenable, promised } from '../access/guarded-access.ts'
import type { Broker } from '../broker/broker.ts'
import type { Observer } from '../broker/observer.ts'
import { nearest } from '../nearest.ts'
import type { Commands } from '../loop/commands.ts'
import type { Turn } from '../loop/turn.ts'
import { type Message, shownMessage } from '../message.ts'
import { type AddedHook, type HookOwner, hookError, sees } from './answers.ts'
import { Clients } from './client.ts'
import type { HookName, Hooks, Observed } from './contexts.ts'
import {
  deliverPoint,
  plainFilter,
  type PointContext,
  publishPoint,
  subscribePoint,
} from './points.ts'

/** How long a hook may take by default. */
const ANSWER_MS_MAX = 5_000

/** The most hooks of one name: a program that adds one for each client does not know it. */
const HOOKS_MAX = 1_000

/** The parts of a broker that hooks use. */
interface HookedCore {
  readonly broker: Broker
  readonly turn: Turn
  readonly commands: Commands
}

interface HookSettings {
  readonly answerMsMax?: number | undefined
  /** Calls back after the time for an answer, and returns how to prevent that. Tests replace it. */
  readonly afterTime?: (late: () => void) => () => void
}

type Lists = { [Name in HookName]: readonly AddedHook<Hooks[Name]>[] }

export class HookRegistry {
  readonly clients: Clients
  readonly point: PointContext
  readonly #broker: Broker
  readonly #lists: Lists = noHooks()
  readonly #observers = new Map<HookName, Observer>()

  constructor({ broker, turn, commands }: HookedCore, settings: HookSettings = {}) {
    const { answerMsMax = ANSWER_MS_MAX } = settings
    this.#broker = broker
    this.clients = new Clients({ sessions: broker.sessions, commands })
    this.point = {
      clients: this.clients,
      faults: broker.faults,
      statistics: broker.statistics,
      answerMsMax,
      afterTime: settings.afterTime ?? (late => afterMs(answerMsMax, late)),
      beginTurn: () => turn.begin(),
      stateFailed: error => turn.stateFailed(error),
    }
  }

  of<Name extends HookName>(name: Name): Lists[Name] {
    return this.#lists[name]
  }

  /** Adds a hook behind those of its name. Returns how to remove it. */
  add<Name extends HookName>(name: Name, call: Hooks[Name], owner: HookOwner): () => void {
    checkName(name)
    if (typeof call !== 'function') throw new TypeError('a hook must be a function')
    if (this.#lists[name].length === HOOKS_MAX) {
      throw new RangeError(`${name} has ${HOOKS_MAX} hooks already`)
    }
    const added = { call, owner }
    this.#set(name, [...this.#lists[name], added])
    return () => {
      this.#set(
        name,
        this.#lists[name].filter(each => each !== added),
      )
    }
  }

  #set<Name extends HookName>(name: Name, hooks: readonly AddedHook<Hooks[Name]>[]): void {
    const lists: { [Each in Name]: readonly AddedHook<Hooks[Each]>[] } = this.#lists
    lists[name] = hooks
    const { onPublish, onSubscribe, onDeliver } = this.#lists
    const { hooks: points, faults } = this.#broker
    const { point } = this
    points.publish = onPublish.length === 0 ? null : publishPoint(onPublish, point)
    points.subscribe = onSubscribe.length === 0 ? null : subscribePoint(onSubscribe, point)
    points.deliver = onDeliver.length === 0 ? null : deliverPoint(onDeliver, point)
    const observer = this.#observers.get(name)
    if (hooks.length === 0 && observer !== undefined) {
      faults.observers.remove(observer)
      this.#observers.delete(name)
    } else if (hooks.length > 0 && observer === undefined && isObserving(name)) {
      const added = OBSERVERS[name](this)
      this.#observers.set(name, added)
      faults.observers.add(added)
    }
  }

  /** Calls the hooks that observe this. `topic` is what it is about, or undefined. */
  tell<Name extends keyof Observed>(name: Name, context: Observed[Name], topic?: string): void {
    const lists: ObservedLists = this.#lists
    const hooks: readonly AddedHook<Observing<Name>>[] = lists[name]
    for (const { call, owner } of hooks) {
      if (!sees(owner, topic)) continue
      const failed = (error: unknown): void => {
        const what = hookError(name, owner, 'has thrown', error)
        this.#broker.faults.failed('hook', what, null)
      }
      try {
        const result = call(context)
        if (isThenable(result)) promised(result).catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }
}

type Observing<Name extends keyof Observed> = (context: Observed[Name]) => unknown

type ObservedLists = { [Name in keyof Observed]: readonly AddedHook<Observing<Name>>[] }

/** Which event of the broker each hook observes. */
const OBSERVERS: { readonly [Name in keyof Observed]: (registry: HookRegistry) => Observer } = {
  onConnected: registry => ({
    connected: (facts, sessionPresent) => {
      const client = registry.clients.get(facts.clientId)
      if (client !== null) registry.tell('onConnected', { client, sessionPresent })
    },
  }),
  onDisconnect: registry => ({
    disconnected: (facts, reason, sentence, by) => {
      const client = registry.clients.get(facts.clientId)
      if (client !== null) registry.tell('onDisconnect', { client, reason, sentence, by })
    },
  }),
  onSubscribed: registry => ({
    subscribed: (clientId, subscribed) => {
      const subscription = { ...subscribed }
      registry.tell('onSubscribed', { clientId, subscription }, subscription.topicFilter)
    },
  }),
  onUnsubscribed: registry => ({
    unsubscribed: (clientId, filter) =>
      registry.tell('onUnsubscribed', { clientId, filter }, plainFilter(filter)),
  }),
  onDelivered: registry => ({
    delivered: (clientId, lent, qos, duplicate) => {
      const message = shownMessage(lent)
      registry.tell('onDelivered', { clientId, message, qos, duplicate }, message.topic)
    },
  }),
  onAcknowledged: registry => ({
    acknowledged: (clientId: string, acknowledged: Message) => {
      const message = shownMessage(acknowledged)
      registry.tell('onAcknowledged', { clientId, message }, message.topic)
    },
  }),
  onDrop: registry => ({
    dropped: (reason, lent, clientId) => {
      const message = shownMessage(lent)
      registry.tell('onDrop', { clientId, message, reason }, message.topic)
    },
  }),
  onSessionCreated: registry => ({
    sessionCreated: clientId => registry.tell('onSessionCreated', { clientId }),
  }),
  onSessionResumed: registry => ({
    sessionResumed: clientId => registry.tell('onSessionResumed', { clientId }),
  }),
  onSessionEnded: registry => ({
    sessionEnded: clientId => registry.tell('onSessionEnded', { clientId }),
  }),
}

function isObserving(name: HookName): name is keyof Observed {
  return name in OBSERVERS
}

function noHooks(): Lists {
  return {
    onConnect: [],
    onAuthenticate: [],
    onPublish: [],
    onSubscribe: [],
    onDeliver: [],
    onConnected: [],
    onDisconnect: [],
    onSubscribed: [],
    onUnsubscribed: [],
    onDelivered: [],
    onAcknowledged: [],
    onDrop: [],
    onSessionCreated: [],
    onSessionResumed: [],
    onSessionEnded: [],
  }
}

// It has these keys and no others.
export const HOOK_NAMES = Object.keys(noHooks()) as readonly HookName[]

function checkName(name: string): void {
  const names: readonly string[] = HOOK_NAMES
  if (names.includes(name)) return
  const meant = nearest(name, HOOK_NAMES)
  const hint = meant === null ? `one of ${HOOK_NAMES.join(', ')}` : `did you mean ${meant}?`
  throw new TypeError(`the broker has no hook ${JSON.stringify(name)} (${hint})`)
}

function afterMs(ms: number, late: () => void): () => void {
  const timer = setTimeout(late, ms).unref()
  return () => clearTimeout(timer)
}
