// One client's connection, from the first byte to the last: bytes in, outbox out. It neither waits nor touches a socket.

import type { Verdict } from '../access/access.ts'
import type { Principal } from '../session/client-rights.ts'
import type { Broker } from '../broker/broker.ts'
import type { Departure } from '../broker/clients.ts'
import type { SessionHolder } from '../broker/sessions.ts'
import { WORK } from '../limits.ts'
import { decodeWithin, protocolVersionOf } from '../packet/decode.ts'
import { Framer } from '../packet/framer.ts'
import { MalformedPacket } from '../packet/malformed.ts'
import {
  type AuthPacket,
  type ConnectPacket,
  type DisconnectPacket,
  NO_PROPERTIES,
  type Packet,
  type ReadingTerms,
} from '../packet/packet.ts'
import {
  CONTINUE_AUTHENTICATION,
  hasConnectReturnCode,
  IMPLEMENTATION_SPECIFIC_ERROR,
  NOT_AUTHORIZED,
  PROTOCOL_ERROR,
  type ReasonCode,
  REAUTHENTICATE,
  SERVER_SHUTTING_DOWN,
  SESSION_TAKEN_OVER,
  SUCCESS,
  UNSPECIFIED_ERROR,
} from '../packet/reason.ts'
import { type NegotiatedLimits, negotiate } from './negotiated-limits.ts'
import { authPacket, ownBytes, questionOf } from './authentication.ts'
import type {
  ConnectionContext,
  ConnectionHost,
  ConnectionPeer,
  Question,
} from './connection-context.ts'
import { ConnectedClient } from './connected-client.ts'
import { expiryIn, departureOf } from './departure.ts'
import {
  connack,
  connackRefusal,
  connectRefusal,
  credentialsOf,
  extrasOf,
  factsOf,
  grantsAgain,
  keptWill,
  openingRefusal,
  principalOf,
  refusingConnack,
  versionToAnswer,
} from './handshake.ts'
import { TimeLimits, type TimeLimited } from './time-limits.ts'
import { CannotServe, ProtocolError } from './protocol-error.ts'
import { Sender } from './sender.ts'

interface PendingConnect {
  /** Null once the client is in and cannot authenticate again: what it said is not kept. */
  readonly packet: ConnectPacket | null
  readonly negotiated: NegotiatedLimits
}

export class Connection implements TimeLimited, SessionHolder {
  readonly sender: Sender
  readonly peer: ConnectionPeer
  /** What the host must find out before the next packet is read, or null. */
  question: Question | null = null
  /** The end was reached: once the outbox is empty the socket is closed. */
  isOver = false
  readonly #context: ConnectionContext
  readonly #host: ConnectionHost
  readonly #framer: Framer
  #terms: ReadingTerms
  readonly #timeLimits: TimeLimits
  #pending: PendingConnect | null = null
  #client: ConnectedClient | null = null
  #isReauthenticating = false
  #hasSaidNothing = true

  constructor(context: ConnectionContext, host: ConnectionHost, peer: ConnectionPeer) {
    this.#context = context
    this.#host = host
    this.peer = peer
    this.sender = new Sender(context, host)
    const { broker } = context
    this.#framer = new Framer(broker.limits.connectPacketBytesMax, 'limits.connectPacketBytesMax')
    this.#terms = { version: 4, userPropertiesMax: broker.limits.userPropertiesMax }
    broker.statistics.connectionsAccepted += 1
    this.#timeLimits = new TimeLimits(broker, this)
  }

  get #broker(): Broker {
    return this.#context.broker
  }

  get clientId(): string | null {
    return this.#pending?.negotiated.clientId ?? null
  }

  /** Packets that have arrived wait for a later turn: this one's share is used up. */
  get hasUnread(): boolean {
    if (this.isOver || this.question !== null) return false
    return this.#framer.hasUnread || this.#client?.hasFilterWork === true
  }

  get unreadBytes(): number {
    return this.#framer.unreadBytes + (this.#client?.filterBytes ?? 0)
  }

  /** Bytes from the client. The chunk is lent: what must outlive this call is copied. */
  receive(chunk: Buffer): void {
    if (this.isOver) return
    this.#broker.statistics.bytesReceived += chunk.length
    this.#timeLimits.heard()
    this.#hasSaidNothing = false
    this.#framer.push(chunk)
    this.proceed()
    if (this.#framer.hasUnread) this.#framer.keep()
  }

  /** A fault of ours while it was served, before anything of the broker had changed: it ends, and nobody else does. */
  failed(error: unknown): void {
    this.#broker.faults.failed('connection', error, this.clientId)
    this.disconnect(IMPLEMENTATION_SPECIFIC_ERROR, 'a fault of the broker itself')
  }

  /** Something has come from the client that is not whole yet. */
  heard(): void {
    this.#timeLimits.heard()
  }

  /** Reads on, up to this connection's share of the turn. */
  proceed(): void {
    const broker = this.#broker
    const { journal, limits, changing } = broker
    // The search among filters and replays of retained messages take theirs off by themselves.
    const least = broker.turnWorkLeft - Math.min(limits.turnWorkMax, broker.turnWorkLeft)
    try {
      while (broker.turnWorkLeft > least && !this.isOver && this.question === null) {
        const before = journal.length
        const work = this.#advance()
        if (work === null) break
        broker.turnWorkLeft -= WORK.packet + work + WORK.durableFact * (journal.length - before)
      }
    } catch (error) {
      this.#endBy(error, changing)
    }
  }

  /** Handles the next packet, or goes on with one. Returns the work beyond that of a packet, null when there is none. */
  #advance(): number | null {
    const client = this.#client
    if (client !== null && client.hasFilterWork) return client.workOnFilters()
    if (!this.#framer.next()) return null
    const { bytes, start, end } = this.#framer
    if (client !== null && client.takesApart(bytes, start, end)) return 0
    return this.#handle(decodeWithin(bytes, start, end, this.#terms))
  }

  /** The answer to the question. */
  answer(verdict: Verdict): void {
    const { question } = this
    this.question = null
    if (this.isOver || question === null) return
    const { changing } = this.#broker
    try {
      if (this.#client === null) this.#admit(verdict, question)
      else this.#reauthenticated(verdict, question, this.#client)
    } catch (error) {
      this.#endBy(error, changing)
    }
    this.proceed()
  }

  /** There is room for more towards the client. */
  drained(): void {
    this.sender.isAwaited = false
    if (this.#client === null) return
    this.#broker.changing += 1
    this.#client.session.pump()
    this.#broker.changing -= 1
  }

  /**
   * The socket is gone, whoever ended it. False while what came before is not all read, or this turn has no room for the
   * will: to be called again in a later one.
   */
  closed(cause: string | null): boolean {
    if (this.#hasSaidNothing) this.#forget()
    this.#client?.goesWithoutAnswers()
    this.proceed()
    if (this.hasUnread || (!this.isOver && this.#broker.turnWorkLeft <= 0)) return false
    const sentence = cause ?? 'the client closed its connection without DISCONNECT'
    this.#end(UNSPECIFIED_ERROR, sentence, 'lost')
    this.sender.outbox.clear()
    return true
  }

  takenOver(): void {
    if (this.#client?.isUnanswered === true) this.proceed()
    this.disconnect(SESSION_TAKEN_OVER, 'another connection came with the same client id')
  }

  /** The broker stops: its clients are told, their wills stay as they are. */
  brokerStops(): void {
    this.#say(SERVER_SHUTTING_DOWN, 'the broker is stopping')
    this.#end(SERVER_SHUTTING_DOWN, 'the broker is stopping', 'broker-stops')
  }

  /** Ends the connection from our side, with a reason for the client and a sentence for the log. */
  disconnect(reason: ReasonCode, sentence: string): void {
    this.#say(reason, sentence)
    this.#end(reason, sentence, 'lost')
  }

  get isPaused(): boolean {
    return this.#host.isPaused
  }

  /** A time limit was reached. */
  timedOut(reason: ReasonCode, sentence: string): void {
    if (this.#pending === null) this.#end(reason, sentence, 'lost')
    else this.disconnect(reason, sentence)
  }

  #handle(packet: Packet): number {
    this.#broker.statistics.packetsReceived += 1
    if (this.#client !== null) return this.#converse(packet, this.#client)
    if (this.#pending !== null) this.#continueHandshake(packet, this.#pending)
    else if (packet.type === 'connect') this.#connect(packet)
    // [MQTT-3.1.0-1]
    else throw new ProtocolError(PROTOCOL_ERROR, `the first packet is ${packet.type}, not CONNECT`)
    return 0
  }

  #converse(packet: Packet, client: ConnectedClient): number {
    if (packet.type === 'disconnect') this.#disconnectReceived(packet, client)
    else if (packet.type === 'auth') this.#reauthenticate(packet)
    else return client.handle(packet)
    return 0
  }

  #connect(packet: ConnectPacket): void {
    this.sender.setVersion(packet.version)
    this.#terms = { ...this.#terms, version: packet.version }
    const assigned = packet.clientId === '' ? this.#context.newClientId() : null
    const negotiated = negotiate(packet, assigned, this.#broker.limits)
    // What it said may be asked for again, when the memory that it came in is another client's.
    const will = packet.will === null ? null : keptWill(packet.will)
    const password = ownBytes(packet.password ?? undefined)
    this.#pending = { packet: { ...packet, will, password }, negotiated }
    this.#timeLimits.authenticates()
    this.sender.setNegotiated(negotiated)
    const refusal = connectRefusal(packet, this.#broker)
    if (refusal !== null) {
      this.#refuse(refusal.reason, refusal.sentence)
      return
    }
    const credentials = credentialsOf(packet, negotiated.clientId, this.peer)
    const method = negotiated.authenticationMethod
    const data = ownBytes(packet.properties.authenticationData)
    this.question =
      method === null
        ? { kind: 'authenticate', credentials }
        : { kind: 'exchange', method, data, credentials, isFirst: true }
    this.#host.requestFlush()
  }

  /** Between CONNECT and CONNACK only AUTH and DISCONNECT may come [MQTT-3.1.2-30]. */
  #continueHandshake(packet: Packet, pending: PendingConnect): void {
    if (packet.type === 'disconnect') {
      this.#end(packet.reason, 'the client gave up its authentication', 'disconnected')
    } else if (packet.type === 'auth') {
      this.#ask(packet, pending, CONTINUE_AUTHENTICATION)
    } else {
      const sentence = `${packet.type} before the authentication was complete`
      throw new ProtocolError(PROTOCOL_ERROR, sentence)
    }
  }

  #reauthenticate(packet: AuthPacket): void {
    if (this.#pending === null) return
    const expected = this.#isReauthenticating ? CONTINUE_AUTHENTICATION : REAUTHENTICATE
    this.#ask(packet, this.#pending, expected)
    this.#isReauthenticating = true
  }

  #ask(packet: AuthPacket, pending: PendingConnect, expected: ReasonCode): void {
    if (pending.packet === null) {
      // [MQTT-4.12.0-7]
      throw new ProtocolError(PROTOCOL_ERROR, 'AUTH, and CONNECT named no authentication method')
    }
    const credentials = credentialsOf(pending.packet, pending.negotiated.clientId, this.peer)
    this.question = questionOf(packet, pending.negotiated, credentials, expected)
    this.#host.requestFlush()
  }

  #admit(verdict: Verdict, question: Question): void {
    switch (verdict.kind) {
      case 'refused':
        this.#refuse(verdict.reason, verdict.sentence)
        return
      case 'continue':
        if (question.kind === 'exchange') {
          this.sender.send(authPacket(CONTINUE_AUTHENTICATION, question.method, verdict.data), 0)
        }
        return
      case 'allowed':
        this.#accept(principalOf(verdict, question), verdict.data)
        return
    }
  }

  #reauthenticated(verdict: Verdict, question: Question, client: ConnectedClient): void {
    const method = client.negotiated.authenticationMethod ?? ''
    switch (verdict.kind) {
      case 'refused':
        // [MQTT-4.12.1-2]
        this.disconnect(verdict.reason, verdict.sentence)
        return
      case 'continue':
        this.sender.send(authPacket(CONTINUE_AUTHENTICATION, method, verdict.data), 0)
        return
      case 'allowed':
        if (!grantsAgain(principalOf(verdict, question), client.session)) {
          this.disconnect(NOT_AUTHORIZED, 'it authenticated again as another user')
          return
        }
        this.#isReauthenticating = false
        this.sender.send(authPacket(SUCCESS, method, verdict.data), 0)
        return
    }
  }

  /** Opens the session, says CONNACK and then what the session owes [MQTT-3.2.0-1]. */
  #accept(principal: Principal, data: Buffer | undefined): void {
    const packet = this.#pending?.packet ?? null
    if (this.#pending === null || packet === null) return
    const { negotiated } = this.#pending
    const kept = { ...packet, will: null, properties: NO_PROPERTIES }
    this.#pending = { packet: negotiated.authenticationMethod === null ? null : kept, negotiated }
    const { broker, responseInformation } = this.#context
    const extras = extrasOf(negotiated, data, responseInformation)
    const refusal =
      openingRefusal(negotiated, packet.will, principal, broker) ??
      connackRefusal(connack(negotiated, false, broker, extras), this.sender)
    if (refusal !== null) {
      this.#refuse(refusal.reason, refusal.sentence)
      return
    }
    const { session, sessionPresent } = broker.clients.open({
      ...principal,
      cleanStart: packet.cleanStart,
      expiryIntervalSeconds: negotiated.expiryIntervalSeconds,
      will: packet.will,
      holder: this,
    })
    this.#client = new ConnectedClient(session, negotiated, broker, this.sender)
    this.#framer.limit = { bytesMax: broker.limits.packetBytesMax, name: 'limits.packetBytesMax' }
    // Also when an old session was deleted or a will was left [D6].
    this.sender.send(connack(negotiated, sessionPresent, broker, extras), broker.journal.latest)
    this.#timeLimits.connected(negotiated.keepAliveSeconds)
    broker.observer.connected?.(factsOf(negotiated, this.peer), sessionPresent)
    broker.changing += 1
    session.attach(this.sender, negotiated.windowMax)
    broker.changing -= 1
  }

  #disconnectReceived(packet: DisconnectPacket, { session }: ConnectedClient): void {
    const expiry = expiryIn(packet, session.expiryIntervalSeconds)
    if (expiry !== null) {
      const max = this.#broker.limits.sessionExpirySecondsMax
      this.#broker.clients.changeExpiry(session, Math.min(expiry, max))
    }
    const { departure, sentence } = departureOf(packet)
    this.#end(packet.reason, sentence, departure)
  }

  /** Refuses CONNECT. Where 3.x has no code for the reason there is no CONNACK [MQTT-3.2.2-6 of 3.1.1]. */
  #refuse(reason: ReasonCode, sentence: string): void {
    const isSayable = this.#pending?.negotiated.version === 5 || hasConnectReturnCode(reason)
    if (isSayable) this.sender.send(refusingConnack(reason, sentence), 0)
    this.#end(reason, sentence, 'lost')
  }

  /** `changing` is what it was before: who breaks a rule is found out before anything changes. */
  #endBy(error: unknown, changing: number): void {
    if (error instanceof CannotServe) {
      this.#broker.changing = changing
      this.disconnect(error.reason, error.message)
      return
    }
    if (!(error instanceof MalformedPacket) && !(error instanceof ProtocolError)) throw error
    this.#broker.changing = changing
    this.#broker.statistics.protocolErrors += 1
    if (this.#pending === null && error instanceof MalformedPacket) this.#refuseUnreadable(error)
    else this.#say(error.reason, error.message)
    this.#end(error.reason, error.message, 'lost')
  }

  /** A CONNECT that cannot be read is answered where its version is known; anything else is not MQTT. */
  #refuseUnreadable(error: MalformedPacket): void {
    const { bytes, start, end } = this.#framer
    const version = versionToAnswer(protocolVersionOf(bytes, start, end), error.reason)
    if (version === null) return
    this.sender.setVersion(version)
    this.sender.send(refusingConnack(error.reason, error.message), 0)
  }

  /** The reason on the wire, where the version has a way to say it [MQTT-4.13.1-1]. */
  #say(reason: ReasonCode, sentence: string): void {
    if (this.isOver || (this.#pending?.negotiated.version ?? 0) < 5) return
    if (this.#client === null) {
      this.sender.send(refusingConnack(reason, sentence), 0)
      return
    }
    const properties = { reasonString: sentence }
    this.sender.send({ type: 'disconnect', reason, properties }, 0)
  }

  #end(reason: ReasonCode, sentence: string, departure: Departure): void {
    if (this.isOver) return
    this.isOver = true
    this.question = null
    const { broker } = this.#context
    this.#timeLimits.end()
    this.#host.requestFlush()
    const facts = factsOf(this.#pending?.negotiated ?? null, this.peer)
    if (this.#client === null) {
      broker.statistics.connectionsRefused += 1
      broker.observer.refused?.(facts, reason, sentence)
      return
    }
    if (departure === 'lost') broker.statistics.connectionsLost += 1
    broker.observer.disconnected?.(facts, reason, sentence)
    this.#client.ended()
    broker.clients.leave(this.#client.session, departure)
  }

  /** A probe that opened the connection to see whether it can be opened: no event. */
  #forget(): void {
    this.isOver = true
    this.#timeLimits.end()
  }
}
