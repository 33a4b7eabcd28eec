// The transitions of a connection: the effect of a packet, or of an answer, in each state, with one function per state.

import type { Verdict } from '../access/access.ts'
import {
  type AuthPacket,
  type ConnectPacket,
  type DisconnectPacket,
  NO_PROPERTIES,
  type Packet,
} from '../packet/packet.ts'
import {
  CONTINUE_AUTHENTICATION,
  hasConnectReturnCode,
  NOT_AUTHORIZED,
  PROTOCOL_ERROR,
  type ReasonCode,
  REAUTHENTICATE,
  SUCCESS,
} from '../packet/reason.ts'
import type { Principal } from '../session/client-rights.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'
import { authPacket, ownBytes, questionOf } from './authentication.ts'
import { ConnectedClient } from './connected-client.ts'
import type { Connection } from './connection.ts'
import type {
  Authenticating,
  AwaitingAuth,
  Connected,
  Reauthenticating,
} from './connection-state.ts'
import { departureOf, expiryIn } from './departure.ts'
import {
  type Allowed,
  clientIdRefusal,
  connack,
  connackRefusal,
  connectBy,
  connectRefusal,
  credentialsOf,
  extrasOf,
  factsOf,
  grantsAgain,
  keptWill,
  openingRefusal,
  principalOf,
  refusingConnack,
  termsRefusal,
} from './handshake.ts'
import { negotiate, NO_TERMS } from './negotiated-limits.ts'
import { OutgoingRates } from './outgoing-rates.ts'
import { ProtocolError } from './protocol-error.ts'

export function awaitingConnect(connection: Connection, first: Packet): void {
  if (first.type !== 'connect') {
    // [MQTT-3.1.0-1]
    throw new ProtocolError(PROTOCOL_ERROR, `the first packet is ${first.type}, not CONNECT`)
  }
  const { context, host, peer, sender } = connection
  const { terms = NO_TERMS } = peer
  const packet = terms === NO_TERMS ? first : connectBy(terms, first)
  const assigned = packet.clientId === '' ? context.newClientId() : null
  const negotiated = negotiate(packet, assigned, context.broker.limits, terms)
  const credentials = credentialsOf(packet, negotiated.clientId, peer)
  const method = negotiated.authenticationMethod
  const data = ownBytes(packet.properties.authenticationData)
  const next: Authenticating = {
    kind: 'authenticating',
    terms: context.reading.termsOf(packet.version),
    question:
      method === null
        ? { kind: 'authenticate', credentials }
        : { kind: 'exchange', method, data, credentials, isFirst: true },
    connect: withOwnBytes(packet),
    negotiated,
    steps: 1,
    since: context.broker.now,
  }
  connection.state = next
  connection.timeLimits.authenticates()
  sender.setNegotiated(negotiated)
  const refusal =
    connection.refusal ?? termsRefusal(packet, terms) ?? connectRefusal(packet, context.broker)
  if (refusal !== null) {
    refuseConnect(connection, next, refusal.reason, refusal.sentence)
    return
  }
  host.requestFlush()
}

/** Copies CONNECT, because it is needed after its chunk is no longer valid. */
function withOwnBytes(packet: ConnectPacket): ConnectPacket {
  if (packet.will === null && packet.password === null) return packet
  const will = packet.will === null ? null : keptWill(packet.will)
  return { ...packet, will, password: ownBytes(packet.password ?? undefined) }
}

/** Between CONNECT and CONNACK only AUTH and DISCONNECT are allowed [MQTT-3.1.2-30]. */
export function authenticating(connection: Connection, state: AwaitingAuth, packet: Packet): void {
  if (packet.type === 'disconnect') {
    connection.end(packet.reason, 'the client gave up its authentication', 'disconnected')
  } else if (packet.type === 'auth') {
    const { clientId } = state.negotiated
    const credentials = credentialsOf(state.connect, clientId, connection.peer)
    const question = questionOf(packet, state.negotiated, credentials, CONTINUE_AUTHENTICATION)
    connection.state = { ...state, question, steps: state.steps + 1 }
    connection.host.requestFlush()
  } else {
    const sentence = `${packet.type} before the authentication was complete`
    throw new ProtocolError(PROTOCOL_ERROR, sentence)
  }
}

export function authenticated(
  connection: Connection,
  state: Authenticating,
  verdict: Verdict,
): void {
  const { question } = state
  switch (verdict.kind) {
    case 'refused':
      refuseConnect(connection, state, verdict.reason, verdict.sentence)
      return
    case 'continue':
      if (isEndless(connection, state)) {
        refuseConnect(connection, state, NOT_AUTHORIZED, ENDLESS)
        return
      }
      connection.state = { ...state, question: null }
      if (question.kind === 'exchange') {
        const { method } = question
        connection.sender.send(authPacket(CONTINUE_AUTHENTICATION, method, verdict.data), 0)
      }
      return
    case 'allowed':
      accept(connection, state, principalOf(verdict, question), verdict.data)
      return
  }
}

const ENDLESS = 'the authentication had too many steps (limits.authenticationStepsMax)'

/** Counts one that has too many steps. */
function isEndless({ context }: Connection, { steps }: { readonly steps: number }): boolean {
  const { limits, statistics } = context.broker
  if (steps < limits.authenticationStepsMax) return false
  statistics.limited.authenticationStepsMax += 1
  return true
}

/** Opens the session, sends CONNACK and then the messages of the session [MQTT-3.2.0-1]. */
function accept(
  connection: Connection,
  state: Authenticating,
  principal: Allowed,
  data: Buffer | undefined,
): void {
  const { connect, terms } = state
  const negotiated = asUser(state.negotiated, principal.identity)
  const { sender, framer, timeLimits, peer } = connection
  const { broker, responseInformation, reading, clientIds, userRates } = connection.context
  const extras = extrasOf(negotiated, data, responseInformation)
  const fresh = connack(negotiated, false, broker, extras)
  const refusal =
    clientIdRefusal(negotiated, principal, clientIds, peer) ??
    openingRefusal(negotiated, connect.will, principal, broker) ??
    connackRefusal(fresh, sender)
  if (refusal !== null) {
    refuseConnect(connection, state, refusal.reason, refusal.sentence)
    return
  }
  const { session, sessionPresent } = broker.clients.open({
    ...principal,
    cleanStart: connect.cleanStart,
    expiryIntervalSeconds: negotiated.expiryIntervalSeconds,
    will: connect.will,
    holder: connection,
  })
  const client = new ConnectedClient(session, negotiated, broker, sender)
  sender.rates = OutgoingRates.of(broker, {
    clientId: negotiated.clientId,
    user: userRates.outgoing.join(session.rights.identity, broker.now),
    over: () => {
      sender.sessionWaits = true
      connection.host.requestProceed()
    },
  })
  const reauthentication: Connected['reauthentication'] =
    negotiated.authenticationMethod === null
      ? null
      : {
          connect: { ...connect, will: null, properties: NO_PROPERTIES },
          expected: REAUTHENTICATE,
          steps: 0,
        }
  connection.state = { kind: 'connected', terms, question: null, client, reauthentication }
  connection.connectedAt = broker.now
  framer.limit = reading.whenConnected
  // Also when an old session was deleted or a will was set [D6].
  const packet = sessionPresent ? connack(negotiated, true, broker, extras) : fresh
  sender.send(packet, broker.journal.latest)
  if (negotiated.version === 5 && broker.overload.level > 0) {
    broker.statistics.overload.receiveMaxLowered += 1
  }
  timeLimits.connected(negotiated.keepAliveSeconds)
  broker.observer.connected?.(factsOf(negotiated, peer), sessionPresent)
  broker.observer.connectAnswered?.(broker.now - state.since)
  broker.changing += 1
  session.attach(sender, negotiated.windowMax)
  broker.changing -= 1
}

/** Returns the negotiated limits with the name of the user that the client was proved to be, whatever name is in CONNECT. */
function asUser(
  negotiated: NegotiatedLimits,
  { username, authentication }: Principal['identity'],
): NegotiatedLimits {
  const isProved = authentication !== 'none' && username !== negotiated.username
  return isProved ? { ...negotiated, username } : negotiated
}

/** Refuses a CONNECT that has no answer yet. */
export function refuses(connection: Connection, reason: ReasonCode, sentence: string): void {
  const { state } = connection
  if (state.kind !== 'authenticating' || state.question === null) return
  refuseConnect(connection, state, reason, sentence)
}

/** Refuses CONNECT. If 3.x has no code for the reason, no CONNACK is sent [MQTT-3.2.2-6 of 3.1.1]. */
function refuseConnect(
  connection: Connection,
  { negotiated, since }: Authenticating,
  reason: ReasonCode,
  sentence: string,
): void {
  const { broker } = connection.context
  broker.observer.connectAnswered?.(broker.now - since)
  const isSayable = negotiated.version === 5 || hasConnectReturnCode(reason)
  const reference = broker.leaving?.serverReference ?? null
  if (isSayable) connection.sender.send(refusingConnack(reason, sentence, reference), 0)
  connection.end(reason, sentence, 'lost')
}

export function disconnects(
  connection: Connection,
  state: Connected,
  packet: DisconnectPacket,
): void {
  const { session } = state.client
  const { broker } = connection.context
  const expiry = expiryIn(packet, session.expiryIntervalSeconds)
  if (expiry !== null) {
    broker.clients.changeExpiry(session, Math.min(expiry, broker.limits.sessionExpirySecondsMax))
  }
  const { departure, sentence } = departureOf(packet)
  connection.end(packet.reason, sentence, departure, 'client')
}

export function reauthenticates(
  connection: Connection,
  state: Connected,
  packet: AuthPacket,
): void {
  const { reauthentication, client } = state
  if (reauthentication === null) {
    // [MQTT-4.12.0-7]
    throw new ProtocolError(PROTOCOL_ERROR, 'AUTH, and CONNECT named no authentication method')
  }
  const { negotiated } = client
  const { connect, expected } = reauthentication
  const credentials = credentialsOf(connect, negotiated.clientId, connection.peer)
  const question = questionOf(packet, negotiated, credentials, expected)
  connection.state = {
    ...state,
    question,
    reauthentication: { ...reauthentication, steps: reauthentication.steps + 1 },
  }
  connection.host.requestFlush()
}

export function reauthenticated(
  connection: Connection,
  state: Reauthenticating,
  verdict: Verdict,
): void {
  const { client, question } = state
  const { connect, steps } = state.reauthentication
  const { broker } = connection.context
  const method = client.negotiated.authenticationMethod ?? ''
  switch (verdict.kind) {
    case 'refused':
      // [MQTT-4.12.1-2]
      connection.disconnect(verdict.reason, verdict.sentence)
      return
    case 'continue':
      if (isEndless(connection, state.reauthentication)) {
        connection.disconnect(NOT_AUTHORIZED, ENDLESS)
        return
      }
      connection.state = {
        ...state,
        question: null,
        reauthentication: { connect, expected: CONTINUE_AUTHENTICATION, steps },
      }
      connection.sender.send(authPacket(CONTINUE_AUTHENTICATION, method, verdict.data), 0)
      return
    case 'allowed':
      if (!grantsAgain(principalOf(verdict, question), client.session, broker)) {
        connection.disconnect(NOT_AUTHORIZED, 'it authenticated again as another user')
        return
      }
      connection.state = {
        ...state,
        question: null,
        reauthentication: { connect, expected: REAUTHENTICATE, steps: 0 },
      }
      connection.sender.send(authPacket(SUCCESS, method, verdict.data), 0)
      return
  }
}
