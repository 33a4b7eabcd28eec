// What the broker calls at its hook points: the hooks see a context, and what they leave of it is checked.

import { NotAdmitted } from '../broker/admission.ts'
import type { Hooked, HookPoints, Publishing } from '../broker/hook-points.ts'
import { frozenProperties, type Message, withOwnBytes } from '../message.ts'
import { checkedPublication } from '../loop/publication.ts'
import type { Properties, QoS } from '../packet/packet.ts'
import { IMPLEMENTATION_SPECIFIC_ERROR } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import { parseFilter } from '../routing/topic.ts'
import { type AddedHook, type AnswerContext, Asking, hookError } from './answers.ts'
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

export function publishPoint(
  hooks: readonly AddedHook<Hooks['onPublish']>[],
  point: PointContext,
): Point<'publish'> {
  return (publishing, later) => {
    const context = publishContext(publishing, point.clients)
    const given = { ...context }
    const read = (refusal: NotAdmitted | null): Hooked | NotAdmitted =>
      refusal ?? hookedFrom(context, given, point)
    const { clientId } = context
    const decision = new Asking('onPublish', hooks, context, clientId, point).decide(topicOf)
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

/** Returns what the hooks have left, or a refusal if MQTT does not allow it. */
function hookedFrom(
  { topic, payload, qos, retain, properties }: PublishContext,
  given: PublishContext,
  { faults }: AnswerContext,
): Hooked | NotAdmitted {
  const isSame = topic === given.topic && payload === given.payload && qos === given.qos
  if (isSame && retain === given.retain && properties === given.properties) {
    return { topic, said: { payload, qos, retain, properties } }
  }
  try {
    return checkedPublication({ topic, payload, qos, retain, properties })
  } catch (error) {
    return wronglyChanged('onPublish', error, given.clientId, faults)
  }
}

function wronglyChanged(
  name: string,
  error: unknown,
  clientId: string,
  faults: AnswerContext['faults'],
): NotAdmitted {
  const owner = { name: '', prefix: '' }
  faults.failed(
    'hook',
    hookError(name, owner, 'has made what MQTT does not allow', error),
    clientId,
  )
  const sentence = 'a hook of the program has made what MQTT does not allow'
  return new NotAdmitted('no-room', IMPLEMENTATION_SPECIFIC_ERROR, sentence)
}

export function subscribePoint(
  hooks: readonly AddedHook<Hooks['onSubscribe']>[],
  point: PointContext,
): Point<'subscribe'> {
  return (subscription, asker, later) => {
    const clientId = asker.clientId ?? ''
    const client = point.clients.ofRights(asker)
    const username = asker.identity?.username ?? null
    const context: SubscribeContext = sealed({ ...subscription, client, clientId, username })
    const read = (refusal: NotAdmitted | null): Subscription | NotAdmitted =>
      refusal ?? subscriptionFrom(context, subscription, clientId, point)
    const asking = new Asking('onSubscribe', hooks, context, clientId, point)
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

function subscriptionFrom(
  { filter, qos }: SubscribeContext,
  asked: Subscription,
  clientId: string,
  { faults }: AnswerContext,
): Subscription | NotAdmitted {
  if (filter === asked.filter && qos === asked.qos) return asked
  const parsed = typeof filter === 'string' ? parseFilter(filter) : null
  if (parsed === null || (qos !== 0 && qos !== 1 && qos !== 2)) {
    const error = new TypeError('the filter is no topic filter, or the QoS is not 0, 1 or 2')
    return wronglyChanged('onSubscribe', error, clientId, faults)
  }
  const { topicFilter, shareName } = parsed
  const noLocal = shareName === null && asked.noLocal
  return { ...asked, filter, topicFilter, shareName, qos, noLocal }
}

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
    const asking = new Asking('onDeliver', hooks, context, clientId, point)
    if (!asking.allowAtOnce(context.topic)) return null
    return deliveredFrom(context, message, owned, point)
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

/** Returns the message that is sent; null, which drops it, if MQTT does not allow what the hooks have left. */
function deliveredFrom(
  { topic, payload, properties, clientId }: DeliverContext,
  message: Message,
  owned: Message,
  { faults }: AnswerContext,
): Message | null {
  const isSame = topic === owned.topic && payload === owned.payload
  if (isSame && properties === owned.properties) return message
  try {
    const { said } = checkedPublication({ topic, payload, properties })
    const { payload: bytes, properties: kept } = said
    return { ...message, topic, payload: bytes, properties: kept, held: 0, weighed: 0 }
  } catch (error) {
    wronglyChanged('onDeliver', error, clientId, faults)
    return null
  }
}
