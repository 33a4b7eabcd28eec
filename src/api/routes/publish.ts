// Publishing over HTTP, and asking a client: a message whose first reply is the answer.

import { randomUUID } from 'node:crypto'
import { checkedPublication } from '../../loop/publication.ts'
import { type Published, PublishRefused } from '../../loop/commands.ts'
import type { Message, Publishable } from '../../message.ts'
import type { Properties } from '../../packet/packet.ts'
import { wholeSubscription } from '../../routing/subscription.ts'
import type { Target } from '../../session/target.ts'
import { unknownCaller } from '../app.ts'
import type { Caller } from '../caller.ts'
import {
  type MessageRow,
  publishAnswer,
  publishRequest,
  type PublishRequest,
  requestAnswer,
  requestRequest,
} from '../contract/messages.ts'
import { messageRowOf } from '../message-rows.ts'
import type { ApiParts } from '../parts.ts'
import { later, Problem } from '../problem.ts'
import { askerOf, rightsOf } from '../rights.ts'
import { MESSENGERS, type Route, route } from '../route.ts'

/** Base64, names and properties take more than the payload itself. */
const BODY_PART = 1.5
const BODY_ROOM_BYTES = 65_536
const REQUESTS_MAX = 100
const REPLY_BYTES_MAX = 65_536
/** Clients that answer need the right to publish there. */
const REPLIES = 'rest/replies'

export function publishRoutes(parts: ApiParts): readonly Route[] {
  const { packetBytesMax } = parts.config.limits
  const bodyBytesMax = Math.ceil(packetBytesMax * BODY_PART) + BODY_ROOM_BYTES
  return [
    route({
      method: 'POST',
      path: '/publish',
      roles: MESSENGERS,
      summary: 'Publishes a message. A key of the role user may what the rules of its user allow',
      body: publishRequest,
      bodyBytesMax,
      answer: publishAnswer,
      isQuiet: true,
      async handle({ body, caller }) {
        if (caller === null) throw unknownCaller()
        return publish(publicationIn(body), caller, parts)
      },
    }),
    requestRoute(parts, bodyBytesMax),
  ]
}

function requestRoute(parts: ApiParts, bodyBytesMax: number): Route {
  let open = 0
  return route({
    method: 'POST',
    path: '/requests',
    roles: MESSENGERS,
    summary: `Publishes a message and waits for the first reply, which the receiver sends to its Response Topic (${REPLIES}/ID)`,
    body: requestRequest,
    bodyBytesMax,
    answer: requestAnswer,
    isQuiet: true,
    async handle({ body, caller }) {
      if (caller === null) throw unknownCaller()
      if (open >= REQUESTS_MAX) throw later(503, `${REQUESTS_MAX} requests wait for replies`, 1)
      const { replyIn, timeoutSeconds, ...message } = body
      const id = randomUUID()
      const isByTopic = replyIn === 'topic'
      const topic = isByTopic ? `${message.topic}/request/${id}` : message.topic
      const responseTopic = isByTopic ? `${message.topic}/reply/${id}` : `${REPLIES}/${id}`
      if (isByTopic) checkMayReceive(responseTopic, caller, parts)
      const properties = isByTopic ? {} : { responseTopic, correlationData: base64Of(id) }
      const said = publicationIn({ ...message, topic, retain: false, properties })
      const reply = awaitReply(responseTopic, timeoutSeconds * 1_000, parts)
      open += 1
      try {
        const { receivers } = await publish(said, caller, parts)
        if (receivers === 0) throw new Problem(404, 'nobody has subscribed to this topic')
        return await reply.promise
      } finally {
        open -= 1
        reply.stop()
      }
    },
  })
}

interface Reply {
  readonly promise: Promise<MessageRow>
  readonly stop: () => void
}

function awaitReply(topic: string, timeoutMs: number, { core }: ApiParts): Reply {
  const { subscriptions } = core.broker
  const subscription = wholeSubscription(topic)
  let timer: NodeJS.Timeout | undefined
  let target: Target | null = null
  const promise = new Promise<MessageRow>((settle, failed) => {
    const detail = `no reply came to ${topic} in time: see whether the receiver answers, and whether it may publish there`
    timer = setTimeout(() => failed(new Problem(504, detail)), timeoutMs)
    target = {
      clientId: null,
      isDurable: false,
      hasRoomFor: () => true,
      deliver: (message: Message) => settle(messageRowOf(message, REPLY_BYTES_MAX)),
    }
    subscriptions.listen(target, subscription)
  })
  // Whoever stops waiting before does not look at it.
  promise.catch(() => {})
  const stop = (): void => {
    clearTimeout(timer)
    if (target !== null) subscriptions.unlisten(target, subscription)
    target = null
  }
  return { promise, stop }
}

interface Publication {
  readonly topic: string
  readonly said: Publishable
}

/** Throws Problem for what MQTT does not allow. */
function publicationIn({ topic, payload, encoding, qos, retain, properties }: PublishRequest) {
  const bytes = Buffer.from(payload, encoding)
  if (encoding === 'base64' && bytes.toString('base64') !== payload) {
    throw new Problem(422, 'payload: is not the base64 that encoding says')
  }
  const { messageExpirySeconds, correlationData, ...rest } = properties
  const known = Object.fromEntries(
    Object.entries({
      ...rest,
      messageExpiryInterval: messageExpirySeconds,
      correlationData:
        correlationData === undefined ? undefined : Buffer.from(correlationData, 'base64'),
    }).filter(([, value]) => value !== undefined),
  ) as Properties
  try {
    return checkedPublication({ topic, payload: bytes, qos, retain, properties: known })
  } catch (error) {
    if (error instanceof TypeError) throw new Problem(422, error.message)
    throw error
  }
}

/** Throws Problem. */
export async function publish(
  { topic, said }: Publication,
  caller: Caller,
  parts: ApiParts,
): Promise<Published> {
  try {
    return await parts.core.commands.publish(said, topic, askerOf(caller, parts))
  } catch (error) {
    if (!(error instanceof PublishRefused)) throw error
    switch (error.kind) {
      case 'malformed':
        throw new Problem(422, error.message)
      case 'refused':
      case 'control':
      case 'transaction':
      case 'repeated':
      case 'disconnected':
        throw new Problem(403, error.message)
      case 'no-room':
      case 'queue-full':
        throw later(503, error.message, 1)
    }
  }
}

function checkMayReceive(topic: string, caller: Caller, parts: ApiParts): void {
  const rights = rightsOf(caller, parts)
  if (rights.maySubscribe(topic, null) && rights.mayReceive?.(topic) !== false) return
  throw new Problem(403, `the user ${caller.username} may not receive ${topic}`)
}

function base64Of(text: string): string {
  return Buffer.from(text).toString('base64')
}
