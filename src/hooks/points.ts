// What the broker calls at its hook points: the hooks see a context, and what they leave of it is checked.

import { NotAdmitted } from '../broker/not-admitted.ts'
import type { Hooked, HookPoints, Publishing } from '../broker/hook-points.ts'
import { frozenProperties, type Message, withOwnBytes } from '../message.ts'
import { checkedPublication } from '../loop/publication.ts'
import type { Properties, QoS } from '../packet/packet.ts'
import { IMPLEMENTATION_SPECIFIC_ERROR } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import { parseFilter } from '../routing/topic.ts'
import { type AddedHook, type AnswerContext, Asking, hookError, type HookOwner } from './answers.ts'
import type { Client, Clients } from './client.ts'
import type { DeliverContext, Hooks, PublishContext, SubscribeContext } from './contexts.ts'

type Point<Name extends keyof HookPoints> = Exclude<HookPoints[Name], null>

export interface PointContext extends AnswerContext {
  readonly clients: Clients
  /** Opens a turn, if none is open. */
  readonly beginTurn: () => void
  /** The state of the broker may be wrong. */
  readonly stateFailed: (error: unknown) => void
}

/** What the hooks of one question have left of their context, as far as it may be changed. */
class Left<Context extends object, Made> {
  /** What the broker goes on with. */
  made: Made
  readonly #context: Context
  readonly #members: readonly (keyof Context)[]
  readonly #make: (context: Context) => Made
  readonly #fails: (owner: HookOwner, error: unknown) => NotAdmitted
  #seen: Context

  /** `make` throws for what MQTT does not allow. */
  constructor(
    unchanged: Made,
    context: Context,
    members: readonly (keyof Context)[],
    make: (context: Context) => Made,
    fails: (owner: HookOwner, error: unknown) => NotAdmitted,
  ) {
    this.made = unchanged
    this.#context = context
    this.#members = members
    this.#make = make
    this.#fails = fails
    this.#seen = { ...context }
  }

  readonly read = (owner: HookOwner): NotAdmitted | null => {
    const context = this.#context
    if (this.#members.every(name => context[name] === this.#seen[name])) return null
    try {
      this.made = this.#make(context)
    } catch (error) {
      return this.#fails(owner, error)
    }
    this.#seen = { ...context }
    return null
  }
}

const PUBLISHED = ['topic', 'payload', 'qos', 'retain', 'properties'] as const

export function publishPoint(
  hooks: readonly AddedHook<Hooks['onPublish']>[],
  point: PointContext,
): Point<'publish'> {
  return (publishing, later) => {
    const context = publishContext(publishing, point.clients)
    const { clientId } = context
    const fails = wronglyChanged('onPublish', clientId, point)
    const left = new Left(unchangedFrom(context), context, PUBLISHED, checkedPublication, fails)
    const read = (refusal: NotAdmitted | null): Hooked | NotAdmitted => refusal ?? left.made
    const asked = { clientId, left: left.read }
    const decision = new Asking('onPublish', hooks, context, asked, point).decide(topicOf)
    if (!(decision instanceof Promise)) return read(decision)
    answerLater(decision, point, refusal => later(read(refusal)))
    return null
  }
}

/** What the broker does with the answer may publish: a throw of it must not become a rejection that nobody handles. */
function answerLater(
  decision: Promise<NotAdmitted | null>,
  { beginTurn, stateFailed }: PointContext,
  answer: (refusal: NotAdmitted | null) => void,
): void {
  decision
    .then(refusal => {
      beginTurn()
      answer(refusal)
    })
    .catch(stateFailed)
}

const topicOf = ({ topic }: { readonly topic: string }): string => topic

function publishContext(
  { said, topic, asker, isWill }: Publishing,
  clients: Clients,
): PublishContext {
  const { payload, qos, retain } = said
  const clientId = asker.clientId ?? ''
  return sealed({
    topic,
    // The bytes of QoS 0 are lent.
    payload: qos === 0 && !retain ? Buffer.from(payload) : payload,
    qos,
    retain,
    properties: frozenProperties(withOwnData(said.properties)),
    client: clients.ofRights(asker),
    clientId,
    username: asker.identity?.username ?? null,
    isWill,
  })
}

/** A member that is misspelt cannot be set in a module, and none can be made one that throws. */
function sealed<Context extends object>(context: Context): Context {
  return Object.seal(context)
}

function withOwnData(properties: Properties): Properties {
  const { correlationData } = properties
  if (correlationData === undefined) return properties
  return { ...properties, correlationData: Buffer.from(correlationData) }
}

function unchangedFrom({ topic, payload, qos, retain, properties }: PublishContext): Hooked {
  return { topic, said: { payload, qos, retain, properties } }
}

/** Returns what refuses for a hook, which has left what MQTT does not allow. */
function wronglyChanged(
  name: string,
  clientId: string,
  { faults }: AnswerContext,
): (owner: HookOwner, error: unknown) => NotAdmitted {
  return (owner, error) => {
    const found = hookError(name, owner, 'has made what MQTT does not allow', error)
    faults.failed('hook', found, clientId)
    const sentence = 'a hook of the program has made what MQTT does not allow'
    return new NotAdmitted('no-room', IMPLEMENTATION_SPECIFIC_ERROR, sentence)
  }
}

const SUBSCRIBED = ['filter', 'qos'] as const

export function subscribePoint(
  hooks: readonly AddedHook<Hooks['onSubscribe']>[],
  point: PointContext,
): Point<'subscribe'> {
  return (subscription, asker, later) => {
    const clientId = asker.clientId ?? ''
    const client = point.clients.ofRights(asker)
    const username = asker.identity?.username ?? null
    const context: SubscribeContext = sealed({ ...subscription, client, clientId, username })
    const fails = wronglyChanged('onSubscribe', clientId, point)
    const make = (changed: SubscribeContext): Subscription =>
      subscriptionFrom(changed, subscription)
    const left = new Left(subscription, context, SUBSCRIBED, make, fails)
    const read = (refusal: NotAdmitted | null): Subscription | NotAdmitted => refusal ?? left.made
    const asked = { clientId, left: left.read }
    const asking = new Asking('onSubscribe', hooks, context, asked, point)
    const filterOf = ({ filter }: SubscribeContext): string => plainFilter(filter)
    if (later === null) {
      const isAllowed = asking.allowAtOnce(filterOf(context))
      return isAllowed
        ? read(null)
        : new NotAdmitted('refused', IMPLEMENTATION_SPECIFIC_ERROR, AT_ONCE)
    }
    const decision = asking.decide(filterOf)
    if (!(decision instanceof Promise)) return read(decision)
    answerLater(decision, point, refusal => later(read(refusal)))
    return null
  }
}

const AT_ONCE = 'the program refuses it, or has not answered at once in a long SUBSCRIBE'

/** Returns the filter that topics are matched with. */
export function plainFilter(filter: string): string {
  const given: unknown = filter
  return typeof given === 'string' ? (parseFilter(given)?.topicFilter ?? given) : ''
}

/** Throws for what MQTT does not allow. */
function subscriptionFrom({ filter, qos }: SubscribeContext, asked: Subscription): Subscription {
  const parsed = typeof filter === 'string' ? parseFilter(filter) : null
  if (parsed === null || (qos !== 0 && qos !== 1 && qos !== 2))
    throw new TypeError('the filter is no topic filter, or the QoS is not 0, 1 or 2')
  const { topicFilter, shareName } = parsed
  const noLocal = shareName === null && asked.noLocal
  const granted = asked.conflateMs === undefined ? qos : 0
  return { ...asked, filter, topicFilter, shareName, qos: granted, noLocal }
}

const DELIVERED = ['topic', 'payload', 'properties'] as const

export function deliverPoint(
  hooks: readonly AddedHook<Hooks['onDeliver']>[],
  point: PointContext,
): Point<'deliver'> {
  let last: Message | null = null
  let owned: Message | null = null
  return (message, clientId, qos, duplicate) => {
    // A message to many clients is copied once.
    if (message !== last || owned === null) owned = withOwnBytes(message)
    last = message
    const client = point.clients.get(clientId)
    const context = deliverContext(owned, qos, duplicate, client, clientId)
    const fails = wronglyChanged('onDeliver', clientId, point)
    const make = (changed: DeliverContext): Message => deliveredFrom(changed, message)
    const left = new Left(message, context, DELIVERED, make, fails)
    const asked = { clientId, left: left.read }
    const asking = new Asking('onDeliver', hooks, context, asked, point)
    return asking.allowAtOnce(context.topic) ? left.made : null
  }
}

function deliverContext(
  { topic, payload, properties, publisher }: Message,
  qos: QoS,
  duplicate: boolean,
  client: Client | null,
  clientId: string,
): DeliverContext {
  return sealed({
    topic,
    payload,
    properties: frozenProperties(properties),
    qos,
    publisher,
    duplicate,
    client,
    clientId,
  })
}

/** Returns the message that is sent. Throws for what MQTT does not allow. */
function deliveredFrom({ topic, payload, properties }: DeliverContext, message: Message): Message {
  const { said } = checkedPublication({ topic, payload, properties })
  const { payload: bytes, properties: kept } = said
  return { ...message, topic, payload: bytes, properties: kept, held: 0, weighed: 0 }
}
