// The packets of simulated clients, and how the trace describes them.

import {
  type AcknowledgementPacket,
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type QoS,
  type SubscriptionRequest,
} from '../src/packet/packet.ts'
import { SUCCESS } from '../src/packet/reason.ts'
import { parseFilter } from '../src/routing/topic.ts'
import type { Terms } from './client-connection.ts'
import type { OwnOptions } from './conflations.ts'
import { idIn, type Request } from './history.ts'

export interface PublishRequest {
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  /** The least size of the payload; with RETAIN, 0 clears the retained message. */
  readonly bytes: number
  readonly properties: Properties
  readonly usesAlias: boolean
  /** For a delayed message. */
  readonly delaySeconds?: number
  /** It has no payload, and cancels the one with its key. */
  readonly isCancelling?: boolean
}

/** A payload begins with the id of its publication, so that receivers can identify it. */
export function payloadOf(id: string, { bytes, retain, isCancelling }: PublishRequest): Buffer {
  if ((retain && bytes === 0) || isCancelling === true) return Buffer.alloc(0)
  const head = Buffer.from(`${id}|`)
  if (bytes <= head.length) return head
  return Buffer.concat([head, Buffer.alloc(bytes - head.length, id)])
}

export function requestOf(
  asked: SubscriptionRequest,
  terms: OwnOptions & { readonly identifier: number },
  moment: number,
): Request {
  const parsed = parseFilter(asked.filter)
  return {
    filter: asked.filter,
    topicFilter: parsed?.topicFilter ?? asked.filter,
    shareName: parsed?.shareName ?? null,
    qos: terms.conflateMs > 0 ? 0 : asked.qos,
    noLocal: asked.noLocal,
    retainAsPublished: asked.retainAsPublished,
    retainHandling: asked.retainHandling,
    ...terms,
    sentAt: moment,
    grantedAt: null,
    isRefused: false,
    endedAt: null,
    goneAt: null,
  }
}

export function connectPacket(clientId: string, terms: Terms): Packet {
  const { version, will } = terms
  const properties: Properties =
    version < 5
      ? NO_PROPERTIES
      : {
          ...(terms.expirySeconds > 0 ? { sessionExpiryInterval: terms.expirySeconds } : {}),
          ...(terms.receiveMaximum < 65_535 ? { receiveMaximum: terms.receiveMaximum } : {}),
          ...(terms.maximumPacketSize === undefined
            ? {}
            : { maximumPacketSize: terms.maximumPacketSize }),
          ...(terms.topicAliasMaximum > 0 ? { topicAliasMaximum: terms.topicAliasMaximum } : {}),
        }
  return {
    type: 'connect',
    version,
    cleanStart: terms.cleanStart,
    keepAliveSeconds: terms.keepAliveSeconds,
    clientId,
    username: null,
    password: null,
    will:
      will === null
        ? null
        : {
            topic: will.topic,
            payload: will.payload,
            qos: will.qos,
            retain: will.retain,
            properties:
              version === 5 && terms.willDelaySeconds > 0
                ? { ...will.properties, willDelayInterval: terms.willDelaySeconds }
                : will.properties,
          },
    properties,
  }
}

export function answer(
  type: AcknowledgementPacket['type'],
  packetId: number,
): AcknowledgementPacket {
  return { type, packetId, reason: SUCCESS, properties: NO_PROPERTIES }
}

export function describeTerms(terms: Terms): string {
  const { version, cleanStart, expirySeconds, receiveMaximum, will, willDelaySeconds } = terms
  const parts = [`v${version}`, cleanStart ? 'clean' : 'resuming', `expiry ${expirySeconds} s`]
  if (receiveMaximum < 65_535) parts.push(`receive maximum ${receiveMaximum}`)
  if (will !== null) {
    parts.push(`will ${will.id} to ${will.topic} at QoS ${will.qos} after ${willDelaySeconds} s`)
  }
  return parts.join(', ')
}

export function describePacket(packet: Packet): string {
  switch (packet.type) {
    case 'connack':
      return `connack ${packet.reason}${packet.sessionPresent ? ', session present' : ''}`
    case 'publish': {
      const flags = `${packet.duplicate ? ' dup' : ''}${packet.retain ? ' retained' : ''}`
      const what = packet.payload.length === 0 ? 'nothing' : idIn(packet.payload)
      return `publish #${packet.packetId} ${what} on ${packet.topic} at QoS ${packet.qos}${flags}`
    }
    case 'suback':
    case 'unsuback':
      return `${packet.type} #${packet.packetId} ${packet.reasons.join(' ')}`
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return `${packet.type} #${packet.packetId}${packet.reason === 0 ? '' : ` reason ${packet.reason}`}`
    case 'disconnect':
      return `disconnect ${packet.reason} ${packet.properties.reasonString ?? ''}`
    default:
      return packet.type
  }
}

export function describeRequest(asked: SubscriptionRequest): string {
  const flags = `${asked.noLocal ? ' no-local' : ''}${asked.retainAsPublished ? ' as-published' : ''}`
  return `${asked.filter} at QoS ${asked.qos}${flags} handling ${asked.retainHandling}`
}

export function describePublish(
  id: string,
  { topic, qos, retain, bytes, delaySeconds, isCancelling }: PublishRequest,
): string {
  const what = retain && bytes === 0 ? ' to clear it' : retain ? ', to be retained' : ''
  const late = delaySeconds === undefined ? '' : `, delayed by ${delaySeconds} s`
  const cancels = isCancelling === true ? ', to cancel another' : ''
  return `${id} to ${topic} at QoS ${qos}, ${bytes} bytes${what}${late}${cancels}`
}
