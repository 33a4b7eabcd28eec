// Packets in the shape that programs for aedes know: that of mqtt-packet.

import type { Hooked } from '../broker/hook-points.ts'
import type { Message } from '../message.ts'
import {
  type ConnectPacket,
  NO_PROPERTIES,
  type Properties,
  type QoS,
  type UserProperty,
  type Will,
} from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'

export interface AedesProperties {
  payloadFormatIndicator?: boolean
  messageExpiryInterval?: number
  contentType?: string
  responseTopic?: string
  correlationData?: Buffer
  userProperties?: Record<string, string | string[]>
}

/** What a program publishes. */
export interface PublishPacket {
  cmd?: 'publish'
  topic: string
  payload: string | Buffer
  qos?: QoS
  retain?: boolean
  dup?: boolean
  properties?: AedesProperties
}

/** A message as programs are given it. */
export interface AedesPublishPacket {
  cmd: 'publish'
  topic: string
  payload: string | Buffer
  qos: QoS
  retain: boolean
  dup: boolean
  properties?: AedesProperties
  brokerId: string
  brokerCounter: number
  /** Of the publisher; not there for the broker itself. */
  clientId?: string
}

export interface AedesSubscription {
  topic: string
  /** 128 in the event `subscribe` when the filter was refused. */
  qos: QoS | 128
  /** Retain Handling, Retain As Published and No Local of MQTT 5. */
  rh?: number
  rap?: boolean
  nl?: boolean
}

export interface AedesConnectPacket {
  cmd: 'connect'
  protocolId: 'MQTT' | 'MQIsdp'
  protocolVersion: number
  clean: boolean
  clientId: string
  keepalive: number
  username?: string
  password?: Buffer
  will?: { topic: string; payload: Buffer; qos: QoS; retain: boolean }
  properties?: Record<string, unknown>
}

export function publicationOf(packet: PublishPacket) {
  const { topic, payload, qos = 0, retain = false, properties } = packet
  return {
    topic,
    payload: payload ?? '',
    qos,
    retain,
    properties: properties === undefined ? NO_PROPERTIES : propertiesFrom(properties),
  }
}

/** What may be published, as a packet that the program may change. */
export function packetOf(
  { topic, said }: Hooked,
  broker: { readonly id: string; nextCounter(): number },
  clientId: string | null,
): AedesPublishPacket {
  const { payload, qos, retain, properties } = said
  return {
    cmd: 'publish',
    topic,
    payload,
    qos,
    retain,
    dup: false,
    brokerId: broker.id,
    brokerCounter: broker.nextCounter(),
    ...(properties !== NO_PROPERTIES && { properties: propertiesOf(properties) }),
    ...(clientId !== null && { clientId }),
  }
}

export function packetOfMessage(
  message: Message,
  broker: { readonly id: string; nextCounter(): number },
): AedesPublishPacket {
  return packetOf({ topic: message.topic, said: message }, broker, message.publisher)
}

/** Returns what the program has left of a packet; bytes and properties that it has not changed stay the same objects. */
export function changesOf(
  packet: AedesPublishPacket,
  before: AedesPublishPacket,
  properties: Properties,
): { topic: string; payload: Buffer; qos: QoS; retain: boolean; properties: Properties } {
  const { topic, payload, qos, retain } = packet
  const isSame = packet.properties === before.properties
  return {
    topic,
    payload: Buffer.isBuffer(payload) ? payload : Buffer.from(String(payload)),
    qos,
    retain,
    properties: isSame ? properties : propertiesFrom(packet.properties ?? {}),
  }
}

export function connectPacketOf(connect: ConnectPacket): AedesConnectPacket {
  const { version, username, password, will, properties } = connect
  return {
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clean: connect.cleanStart,
    clientId: connect.clientId,
    keepalive: connect.keepAliveSeconds,
    ...(username !== null && { username }),
    ...(password !== null && { password }),
    ...(will !== null && { will: willOf(will) }),
    ...(properties !== NO_PROPERTIES && {
      properties: { ...properties, ...propertiesOf(properties) },
    }),
  }
}

function willOf({ topic, payload, qos, retain }: Will) {
  return { topic, payload, qos, retain }
}

export function subscriptionOf(subscription: Subscription): AedesSubscription {
  const { filter, qos, retainHandling, retainAsPublished, noLocal } = subscription
  return { topic: filter, qos, rh: retainHandling, rap: retainAsPublished, nl: noLocal }
}

function propertiesOf(properties: Properties): AedesProperties {
  const { payloadFormatIndicator, messageExpiryInterval, contentType } = properties
  const { responseTopic, correlationData, userProperties } = properties
  return {
    ...(payloadFormatIndicator !== undefined && {
      payloadFormatIndicator: payloadFormatIndicator === 1,
    }),
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData }),
    ...(userProperties !== undefined && { userProperties: recordOf(userProperties) }),
  }
}

function recordOf(pairs: readonly UserProperty[]): Record<string, string | string[]> {
  const found = new Map<string, string | string[]>()
  for (const [name, value] of pairs) {
    const before = found.get(name)
    if (before === undefined) found.set(name, value)
    else found.set(name, [...(Array.isArray(before) ? before : [before]), value])
  }
  // Names of clients are keys here: an inherited one must not be among them.
  return Object.assign(Object.create(null) as object, Object.fromEntries(found))
}

function propertiesFrom(properties: AedesProperties): Properties {
  const { payloadFormatIndicator, userProperties, ...others } = properties
  const pairs = Object.entries(userProperties ?? {}).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map(value => [name, value] as const),
  )
  return {
    ...others,
    ...(payloadFormatIndicator !== undefined && {
      payloadFormatIndicator: payloadFormatIndicator ? 1 : 0,
    }),
    ...(pairs.length > 0 && { userProperties: pairs }),
  }
}
