// Checks CONNECT and makes CONNACK.

import type { Credentials, Verdict } from '../access/access.ts'
import type { ClientIdPattern } from '../access/client-id-pattern.ts'
import { type Identity, identityOf } from '../access/identity.ts'
import type { Principal } from '../session/client-rights.ts'
import type { Session } from '../session/session.ts'
import type { Refusal } from '../broker/not-admitted.ts'
import type { Broker } from '../broker/broker.ts'
import type { ClientFacts } from '../broker/observer.ts'
import { forwarded, ownCopy } from '../message.ts'
import {
  type ConnackPacket,
  type ConnectPacket,
  NO_PROPERTIES,
  type Properties,
  type ProtocolVersion,
  type Will,
} from '../packet/packet.ts'
import {
  BAD_USER_NAME_OR_PASSWORD,
  BANNED,
  CLIENT_IDENTIFIER_NOT_VALID,
  NOT_AUTHORIZED,
  PACKET_TOO_LARGE,
  QOS_NOT_SUPPORTED,
  QUOTA_EXCEEDED,
  type ReasonCode,
  SERVER_BUSY,
  SUCCESS,
  UNSUPPORTED_PROTOCOL_VERSION,
} from '../packet/reason.ts'
import { mountedTopic } from './mount-point.ts'
import type { ListenerTerms, NegotiatedLimits } from './negotiated-limits.ts'
import type { ConnectionPeer, Question } from './connection-context.ts'
import type { Sender } from './sender.ts'

/** Returns CONNECT as the terms of its listener make it: where its will lies, and whose client id it has. */
export function connectBy(
  { mountPoint, usernameIsClientId }: ListenerTerms,
  packet: ConnectPacket,
): ConnectPacket {
  const { clientId, username, will } = packet
  const isMounted = will !== null && mountPoint !== null
  return {
    ...packet,
    clientId: usernameIsClientId && username !== null ? username : clientId,
    will: isMounted ? { ...will, topic: mountedTopic(will.topic, mountPoint) } : will,
  }
}

/** Returns why CONNECT does not meet the terms of its listener, or null. */
export function termsRefusal(
  { username, will }: ConnectPacket,
  { qosMax, usernameIsClientId }: ListenerTerms,
): Refusal | null {
  if (will !== null && will.qos > qosMax) {
    const sentence = `the will has QoS ${will.qos}, and ${qosMax} is the highest here (listeners.qosMax)`
    return { reason: QOS_NOT_SUPPORTED, sentence } // [MQTT-3.2.2-12]
  }
  // An empty name would share one client id among all.
  if (!usernameIsClientId || (username !== null && username !== '')) return null
  const sentence = 'no user name, which is the client id here (listeners.usernameIsClientId)'
  return { reason: BAD_USER_NAME_OR_PASSWORD, sentence }
}

/** Returns why CONNECT is refused before authentication, or null. */
export function connectRefusal(packet: ConnectPacket, broker: Broker): Refusal | null {
  if (broker.leaving !== null) {
    return { reason: broker.leaving.connectReason, sentence: broker.leaving.sentence }
  }
  if (broker.overload.pausesAll) {
    broker.statistics.overload.connectsRefused += 1
    return { reason: SERVER_BUSY, sentence: 'the broker is overloaded (overload.level3)' }
  }
  const ban = broker.bans.count === 0 ? null : broker.bans.refusalOf(packet.clientId, broker.now)
  if (ban !== null) return { reason: BANNED, sentence: ban }
  const { clientIdBytesMax } = broker.limits
  if (packet.clientId === '' && !mayBeAssigned(packet)) {
    return {
      reason: CLIENT_IDENTIFIER_NOT_VALID,
      sentence: 'an empty client id needs Clean Session 1', // [MQTT-3.1.3-8] of 3.1.1
    }
  }
  if (Buffer.byteLength(packet.clientId) > clientIdBytesMax) {
    broker.statistics.limited.clientIdBytesMax += 1
    const sentence = `client id is longer than ${clientIdBytesMax} bytes (limits.clientIdBytesMax)`
    return { reason: CLIENT_IDENTIFIER_NOT_VALID, sentence }
  }
  const { will } = packet
  return will === null ? null : ofWill(broker.admission.form(will, will.topic))
}

function ofWill(refusal: Refusal | null): Refusal | null {
  if (refusal === null) return null
  return { reason: refusal.reason, sentence: `the will: ${refusal.sentence}` }
}

/** Returns why CONNECT is refused after a successful authentication, or null. */
export function openingRefusal(
  negotiated: NegotiatedLimits,
  will: Will | null,
  principal: Principal,
  broker: Broker,
): Refusal | null {
  if (broker.clients.isOfAnother(principal.identity)) {
    return { reason: NOT_AUTHORIZED, sentence: 'the client id has the session of another user' }
  }
  const inUse = inUseRefusal(negotiated.clientId, broker)
  if (inUse !== null) return inUse
  const refusal = will === null ? null : broker.admission.topic(will, will.topic, principal)
  if (refusal !== null) return ofWill(refusal)
  if (!broker.clients.hasRoomFor(negotiated.clientId)) {
    broker.statistics.limited.sessionsMax += 1
    return { reason: QUOTA_EXCEEDED, sentence: 'no room for another session (limits.sessionsMax)' }
  }
  const holding = holdingRefusal(principal, broker)
  if (holding !== null) return holding
  const isNew = broker.sessions.get(negotiated.clientId) === undefined
  if ((isNew || will !== null) && !broker.memory.hasReserve) {
    broker.memory.refusals += 1
    return { reason: QUOTA_EXCEEDED, sentence: 'the memory for what clients keep is full' }
  }
  if (broker.storeIsFull && isNew && negotiated.expiryIntervalSeconds > 0) {
    return { reason: QUOTA_EXCEEDED, sentence: 'the disk is full: no session can be stored' }
  }
  return null
}

function inUseRefusal(clientId: string, { sessions, limits, statistics }: Broker): Refusal | null {
  if (limits.clientIdInUse === 'take-over') return null
  // A connection that may be dead does not keep its client out.
  if (sessions.holderOf(clientId)?.isHeard !== true) return null
  statistics.limited.clientIdInUse += 1
  const sentence = 'a client with its client id is connected (limits.clientIdInUse)'
  return { reason: CLIENT_IDENTIFIER_NOT_VALID, sentence }
}

/** Returns why the user may not have this client id, or null. One that the broker has made takes that of no user. */
export function clientIdRefusal(
  { clientId, isClientIdAssigned }: NegotiatedLimits,
  { identity }: Principal,
  clientIds: ClientIdPattern | null,
  { terms }: ConnectionPeer,
): Refusal | null {
  if (terms?.usernameIsClientId === true && isProvedAnother(identity, clientId)) {
    const sentence = 'its user is not the one that CONNECT names (listeners.usernameIsClientId)'
    return { reason: CLIENT_IDENTIFIER_NOT_VALID, sentence }
  }
  if (clientIds === null || (isClientIdAssigned && clientIds.hasUser)) return null
  // A name that nobody has proved is only a claim.
  const username = identity.authentication === 'none' ? null : identity.username
  if (clientIds.fits(clientId, username)) return null
  const sentence = 'the client id is not one of this user (access.clientIdPattern)'
  return { reason: CLIENT_IDENTIFIER_NOT_VALID, sentence }
}

/** A certificate or a token may belong to another user than the user name of CONNECT, which is the client id. */
function isProvedAnother({ username, authentication }: Identity, clientId: string): boolean {
  return authentication !== 'none' && username !== clientId
}

/** Returns why the user of the client may have no more, or null. */
function holdingRefusal({ clientId, identity }: Principal, broker: Broker): Refusal | null {
  const { holdings, sessions, limits, statistics } = broker
  const { connections, sessions: sessionCount } = holdings.of(identity)
  const { connectionsPerUserMax, sessionsPerUserMax } = limits
  const isUser = identity.username !== null && identity.authentication !== 'none'
  if (isUser && connections >= connectionsPerUserMax && sessions.holderOf(clientId) === null) {
    statistics.limited.connectionsPerUserMax += 1
    const sentence = `its user has ${connectionsPerUserMax} connections (limits.connectionsPerUserMax)`
    return { reason: QUOTA_EXCEEDED, sentence }
  }
  if (sessionCount < sessionsPerUserMax || sessions.get(clientId) !== undefined) return null
  statistics.limited.sessionsPerUserMax += 1
  const whose = isUser ? 'user' : 'address'
  const sentence = `its ${whose} has ${sessionsPerUserMax} sessions (limits.sessionsPerUserMax)`
  return { reason: QUOTA_EXCEEDED, sentence }
}

// 3.1 requires 1 to 23 characters; 3.1.1 allows an empty client id with Clean Session; 5.0 always allows it [MQTT-3.1.3-6].
function mayBeAssigned(packet: ConnectPacket): boolean {
  return packet.version === 5 || (packet.version === 4 && packet.cleanStart)
}

export function credentialsOf(
  packet: ConnectPacket,
  clientId: string,
  peer: ConnectionPeer,
): Credentials {
  return {
    clientId,
    username: packet.username,
    password: packet.password === null ? null : Buffer.from(packet.password),
    address: peer.address,
    transport: peer.transport,
    requiresUser: peer.requiresUser === true,
    realm: peer.terms?.realm ?? null,
    certificate: peer.certificate,
    pskIdentity: peer.psk?.identity ?? null,
  }
}

/** An allowed client. Its permissions end after `validForMs`; null if they do not end. */
export interface Allowed extends Principal {
  readonly validForMs: number | null
}

/** Returns the identity and permissions of an allowed client. */
export function principalOf(
  verdict: Extract<Verdict, { kind: 'allowed' }>,
  question: Question,
): Allowed {
  const method = question.kind === 'exchange' ? question.method : null
  const identity = identityOf(question.credentials, verdict, method)
  const { permissions, validForMs = null } = verdict
  return { clientId: identity.clientId, identity, permissions, validForMs }
}

/** Applies a re-authentication: the permissions may change, the user must not. Returns false for another user. */
export function grantsAgain(allowed: Allowed, session: Session, broker: Broker): boolean {
  if (allowed.identity.username !== session.rights.identity.username) return false
  broker.clients.grant(session, allowed.permissions, allowed.validForMs)
  return true
}

/** Returns the will with bytes of its own, because it is kept for longer than the packet. */
export function keptWill(will: Will): Will {
  const { willDelayInterval, messageExpiryInterval } = will.properties
  const properties: Properties = {
    ...forwarded(will.properties),
    ...(willDelayInterval === undefined ? {} : { willDelayInterval }),
    ...(messageExpiryInterval === undefined ? {} : { messageExpiryInterval }),
  }
  return { ...will, payload: ownCopy(will.payload), properties }
}

/** Makes CONNACK. It contains only values that differ from the defaults that the client assumes. */
export function connack(
  negotiated: NegotiatedLimits,
  sessionPresent: boolean,
  broker: Broker,
  extras: Properties,
): ConnackPacket {
  if (negotiated.version < 5)
    return { type: 'connack', sessionPresent, reason: SUCCESS, properties: NO_PROPERTIES }
  const { limits, overload } = broker
  const properties: Properties = {
    ...extras,
    receiveMaximum: overload.receiveMaxOf(limits.receiveMax),
    ...(negotiated.qosMax === 2 ? {} : { maximumQoS: negotiated.qosMax }),
    maximumPacketSize: limits.packetBytesMax,
    topicAliasMaximum: limits.topicAliasMax,
    ...(negotiated.isClientIdAssigned ? { assignedClientIdentifier: negotiated.clientId } : {}),
    ...(negotiated.isKeepAliveServers ? { serverKeepAlive: negotiated.keepAliveSeconds } : {}),
    ...(negotiated.isExpiryServers
      ? { sessionExpiryInterval: negotiated.expiryIntervalSeconds }
      : {}),
    ...(negotiated.authenticationMethod === null
      ? {}
      : { authenticationMethod: negotiated.authenticationMethod }),
  }
  return { type: 'connack', sessionPresent, reason: SUCCESS, properties }
}

/** Returns the refusal if CONNACK would exceed the client's Maximum Packet Size [MQTT-3.1.2-24], or null. */
export function connackRefusal(packet: ConnackPacket, sender: Sender): Refusal | null {
  if (sender.canSend(packet)) return null
  const sentence = 'CONNACK is larger than the Maximum Packet Size of the client'
  return { reason: PACKET_TOO_LARGE, sentence }
}

/** Returns the other properties of CONNACK. */
export function extrasOf(
  negotiated: NegotiatedLimits,
  authenticationData: Buffer | undefined,
  responseInformation: string | null,
): Properties {
  return {
    ...(authenticationData === undefined ? {} : { authenticationData }),
    ...(negotiated.wantsResponseInformation && responseInformation !== null
      ? { responseInformation }
      : {}),
  }
}

/** Makes a refusal, which never has Session Present [MQTT-3.2.2-6]. */
export function refusingConnack(
  reason: ReasonCode,
  sentence: string,
  serverReference: string | null = null,
): ConnackPacket {
  return {
    type: 'connack',
    sessionPresent: false,
    reason,
    properties: refusingProperties(sentence, serverReference),
  }
}

export function refusingProperties(
  sentence: string,
  serverReference: string | null,
): Pick<Properties, 'reasonString' | 'serverReference'> {
  return serverReference === null
    ? { reasonString: sentence }
    : { reasonString: sentence, serverReference }
}

/** Returns the version in which an unreadable CONNECT is refused, or null when the client would not understand an answer. */
export function versionToAnswer(asked: number | null, reason: ReasonCode): ProtocolVersion | null {
  if (asked === null) return null
  // Bit 7 marks a bridge. For all versions below 5 the answer has the form of 3.1.1.
  if ((asked & 0x7f) >= 5) return 5
  return reason === UNSUPPORTED_PROTOCOL_VERSION ? 4 : null
}

/** Returns what is known of the client, for observers. */
export function factsOf(negotiated: NegotiatedLimits | null, peer: ConnectionPeer): ClientFacts {
  return {
    clientId: negotiated?.clientId ?? '',
    version: negotiated?.version ?? null,
    username: negotiated?.username ?? null,
    address: peer.address,
    transport: peer.transport,
  }
}
