// The handlers of aedes as hooks of the broker, and what they are by default.

import type {
  Decision,
  DeliverContext,
  PublishContext,
  SubscribeContext,
} from '../hooks/contexts.ts'
import { NOT_AUTHORIZED } from '../packet/reason.ts'
import { after, outcomeOf } from './callbacks.ts'
import type { AedesClient } from './client.ts'
import type { AedesHandlers } from './options.ts'
import { changesOf, packetOf, subscriptionOf } from './packets.ts'

const SYS = '$SYS/'

export const DEFAULT_HANDLERS: AedesHandlers = {
  preConnect: (_client, _packet, done) => done(null, true),
  authenticate: (_client, _username, _password, done) => done(null, true),
  authorizePublish: (_client, packet, done) => {
    done(packet.topic.startsWith(SYS) ? new Error(`${SYS} topic is reserved`) : null)
  },
  authorizeSubscribe: (_client, subscription, done) => done(null, subscription),
  authorizeForward: (_client, packet) => packet,
  published: (_packet, _client, done) => done(),
}

/** The part of a broker that the hooks use. */
export interface Handling extends AedesHandlers {
  readonly id: string
  nextCounter(): number
  /** Returns the connected client; null if there is none. */
  clientOf(clientId: string): AedesClient | null
  /** Emits what has happened so far. */
  flush(): void
}

/** An error closes a connection of MQTT 3, and is a reason code for one of MQTT 5. */
export function publishHook(broker: Handling) {
  return (context: PublishContext): Decision | Promise<Decision> => {
    broker.flush()
    const { topic, payload, qos, retain, properties, clientId } = context
    const client = broker.clientOf(clientId)
    const said = { payload, qos, retain, properties }
    const packet = packetOf({ topic, said }, broker, clientId)
    const before = { ...packet }
    const outcome = outcomeOf<void>(
      done => broker.authorizePublish(client, packet, done),
      undefined,
    )
    return after(outcome, ({ error }) => {
      if (error !== null) return refused(error, client)
      Object.assign(context, changesOf(packet, before, properties))
      return undefined
    })
  }
}

function refused(error: Error, client: AedesClient | null): Decision {
  const disconnect = client !== null && client.version !== 5
  if (client !== null && disconnect) client.refusal = error
  return { reason: NOT_AUTHORIZED, sentence: error.message, disconnect }
}

export function subscribeHook(broker: Handling) {
  return (context: SubscribeContext): Decision | Promise<Decision> => {
    broker.flush()
    const client = broker.clientOf(context.clientId)
    if (client === null) return undefined
    const asked = subscriptionOf(context)
    const outcome = outcomeOf<typeof asked | null>(
      done => broker.authorizeSubscribe(client, asked, done),
      null,
    )
    return after(outcome, ({ error, value }) => {
      if (error !== null) return refused(error, client)
      if (typeof value !== 'object' || value === null) return { reason: NOT_AUTHORIZED }
      if (value.qos === 128) return { reason: NOT_AUTHORIZED }
      context.filter = value.topic
      context.qos = value.qos
      return undefined
    })
  }
}

export function deliverHook(broker: Handling) {
  return (context: DeliverContext): boolean | void => {
    const client = broker.clientOf(context.clientId)
    if (client === null) return undefined
    const { topic, payload, properties, qos, publisher, duplicate } = context
    const said = { payload, qos, retain: false, properties }
    const packet = { ...packetOf({ topic, said }, broker, publisher), dup: duplicate }
    const before = { ...packet }
    const left = broker.authorizeForward(client, packet)
    if (typeof left !== 'object' || left === null) return false
    const changed = changesOf(left, before, properties)
    context.topic = changed.topic
    context.payload = changed.payload
    context.properties = changed.properties
    return undefined
  }
}
