// One client's connection, from the first byte to the last. It takes bytes and fills the outbox. It never waits and has no
// socket. The transitions between its states are in transitions.ts.

import type { Verdict } from '../access/access.ts'
import type { Departure } from '../broker/clients.ts'
import type { ClientFacts, EndedBy } from '../broker/observer.ts'
import type { ConnectionDetails, SessionHolder } from '../broker/sessions.ts'
import { WORK } from '../limits.ts'
import { decodeWithin, plainPuback } from '../packet/decode.ts'
import { Framer } from '../packet/framer.ts'
import type { LentBytes } from '../packet/lent-bytes.ts'
import { MalformedPacket } from '../packet/malformed.ts'
import {
  IMPLEMENTATION_SPECIFIC_ERROR,
  type ReasonCode,
  SESSION_TAKEN_OVER,
  UNSPECIFIED_ERROR,
} from '../packet/reason.ts'
import { WHOLE_FILTERS_BYTES_MAX } from './connected-client.ts'
import {
  type Admittance,
  AT_ONCE,
  type ConnectionContext,
  type ConnectionHost,
  type ConnectionPeer,
  type Question,
} from './connection-context.ts'
import { type ConnectionState, negotiatedIn, type ReadingState } from './connection-state.ts'
import type { WaitingConnect } from './connect-queue.ts'
import { brokenLimit } from './broken-limit.ts'
import { sendReason, sayUnreadable } from './departure.ts'
import { factsOf } from './handshake.ts'
import {
  type HeldPublishes,
  isHeld,
  mustWait,
  proceedBehind,
  waitForHook,
  waitForRoom,
} from './held-publishes.ts'
import { MUST_WAIT } from './not-admitted.ts'
import { CannotServe, ProtocolError } from './protocol-error.ts'
import { Sender } from './sender.ts'
import { TimeLimits, type TimeLimited } from './time-limits.ts'
import {
  authenticated,
  authenticating,
  awaitingConnect,
  disconnects,
  reauthenticated,
  reauthenticates,
} from './transitions.ts'

// Wide on purpose: it has a method for each thing that its client, its host or another connection does to it.
export class Connection implements TimeLimited, SessionHolder {
  readonly context: ConnectionContext
  readonly host: ConnectionHost
  readonly peer: ConnectionPeer
  readonly sender: Sender
  readonly framer: Framer
  readonly timeLimits: TimeLimits
  /** Why CONNECT is refused, whatever it says; null if it is not. */
  readonly refusal: Admittance['refusal']
  /** Only transitions.ts and `end` change it. */
  state: ConnectionState
  /** Made when a PUBLISH must wait for the first time. */
  held: HeldPublishes | null = null
  /** The time of the broker's clock at which its client was let in; 0 before. */
  connectedAt = 0
  /** Made when its CONNECT must wait. */
  waiting: WaitingConnect | null = null
  /** The PUBLISH packets at the last `takeReceived`, and the last `takeSent`. */
  #receivedBefore = 0
  #sentBefore = 0

  constructor(
    context: ConnectionContext,
    host: ConnectionHost,
    peer: ConnectionPeer,
    admittance: Admittance = AT_ONCE,
  ) {
    this.refusal = admittance.refusal
    this.context = context
    this.host = host
    this.peer = peer
    this.sender = new Sender(context, host)
    const { broker, pool, reading } = context
    this.framer = new Framer(reading.beforeConnect, pool.packets)
    const terms = reading.termsOf(4)
    this.state = { kind: 'awaiting-connect', terms, question: null, hasReceived: false }
    broker.statistics.connectionsAccepted += 1
    this.timeLimits = new TimeLimits(broker, this, admittance.spentMs)
  }

  /** The question that the host must answer before the next packet is read, or null. */
  get question(): Question | null {
    return this.state.question
  }

  /** Whether the connection has ended. The socket is closed when the outbox is empty. */
  get isOver(): boolean {
    return this.state.kind === 'closed'
  }

  /** What is known of its client, for observers. */
  get facts(): ClientFacts {
    const { state } = this
    return factsOf(state.kind === 'closed' ? null : negotiatedIn(state), this.peer)
  }

  get details(): ConnectionDetails | null {
    const { state, peer, sender, connectedAt } = this
    if (state.kind !== 'connected') return null
    const { negotiated, messagesReceived } = state.client
    return {
      connectedAt,
      listener: peer.listener ?? '',
      keepAliveSeconds: negotiated.keepAliveSeconds,
      inFlightMax: negotiated.windowMax,
      messagesReceived,
      messagesSent: sender.messagesSent,
      certificate: peer.certificate,
    }
  }

  get isHeard(): boolean {
    const { state, host, timeLimits, context } = this
    if (state.kind !== 'connected') return false
    const keepAliveMs = state.client.negotiated.keepAliveSeconds * 1_000
    if (keepAliveMs === 0) return false
    return host.isPaused || context.broker.now - timeLimits.lastHeard <= keepAliveMs
  }

  get waitingBytes(): number {
    return this.sender.outbox.bytes + this.host.pendingBytes
  }

  takeReceived(): number {
    if (this.state.kind !== 'connected') return 0
    const { messagesReceived } = this.state.client
    const received = messagesReceived - this.#receivedBefore
    this.#receivedBefore = messagesReceived
    return received
  }

  takeSent(): number {
    const { messagesSent } = this.sender
    const sent = messagesSent - this.#sentBefore
    this.#sentBefore = messagesSent
    return sent
  }

  /** Null before CONNECT. */
  get clientId(): string | null {
    const { state } = this
    return state.kind === 'closed' ? state.clientId : (negotiatedIn(state)?.clientId ?? null)
  }

  /** Whether packets wait for a later turn, because the share of this turn is used up. */
  get hasUnread(): boolean {
    const { state } = this
    if (state.kind === 'closed' || state.question !== null) return false
    if (this.held?.isWaiting === true) return false
    if (this.framer.hasUnread) return true
    return state.kind === 'connected' && state.client.filterWork !== null
  }

  get unreadBytes(): number {
    const { state } = this
    const filterWork = state.kind === 'connected' ? state.client.filterWork : null
    return this.framer.unreadBytes + (filterWork === null ? 0 : filterWork.list.bytes)
  }

  /** Whether the question may be asked now. Otherwise `mayAsk` of the host is called later, or CONNECT was refused. */
  enters(): boolean {
    const { state } = this
    const isConnect = state.kind === 'authenticating' && state.steps === 1
    return !isConnect || this.context.connects.enters(this)
  }

  /** Takes bytes from the client. The chunk is lent: bytes that are needed after this call are copied. */
  receive(chunk: LentBytes): void {
    const { state, framer } = this
    if (state.kind === 'closed') return
    const { broker } = this.context
    broker.statistics.bytesReceived += chunk.length
    this.timeLimits.lastHeard = broker.now
    if (state.kind === 'awaiting-connect') state.hasReceived = true
    framer.push(chunk)
    this.proceed()
    if (framer.hasUnread) framer.keep()
  }

  /** Ends this connection only, after a fault of the broker that happened before any change of the broker's state. */
  failed(error: unknown): void {
    this.context.broker.faults.failed('connection', error, this.clientId)
    this.disconnect(IMPLEMENTATION_SPECIFIC_ERROR, 'a fault of the broker itself')
  }

  /** Part of a packet or frame has arrived from the client. */
  heard(): void {
    const { state } = this
    if (state.kind === 'awaiting-connect') state.hasReceived = true
    this.timeLimits.lastHeard = this.context.broker.now
  }

  /** Handles packets, up to this connection's share of the turn. */
  proceed(): void {
    const { broker } = this.context
    const { journal, limits, changing } = broker
    // Searches and replays of retained messages subtract their work themselves.
    const least = broker.turnWorkLeft - Math.min(limits.turnWorkMax, broker.turnWorkLeft)
    try {
      while (broker.turnWorkLeft > least && this.held?.isWaiting !== true) {
        const { state } = this
        if (state.kind === 'closed' || state.question !== null) break
        const before = journal.length
        const work = this.#advance(state)
        if (work === null) break
        broker.turnWorkLeft -= WORK.packet + work + WORK.durableChange * (journal.length - before)
      }
      if (this.held?.isWaiting === true) proceedBehind(this)
    } catch (error) {
      this.#endBy(error, changing)
    }
  }

  /** Handles the next packet, or continues one. Returns its additional work; null when there is no packet. */
  #advance(state: ReadingState): number | null {
    const { framer } = this
    const client = state.kind === 'connected' ? state.client : null
    if (client !== null && client.filterWork !== null) return client.workOnFilters()
    if (!framer.next()) return null
    const { bytes, start, end } = framer
    const mayWait = this.held !== null || this.context.broker.overload.pausesSome
    if (mayWait && mustWait(this, bytes[start] ?? 0)) {
      framer.putBack()
      return null
    }
    if (client !== null && end - start > WHOLE_FILTERS_BYTES_MAX) {
      if (client.takesApart(bytes, start, end)) return 0
    }
    const acknowledged = client === null ? 0 : plainPuback(bytes, start, end)
    if (client !== null && acknowledged !== 0) return client.acknowledges(acknowledged)
    const packet = decodeWithin(bytes, start, end, state.terms)
    this.context.broker.statistics.packetsReceived += 1
    switch (state.kind) {
      case 'connected':
        if (packet.type === 'auth') reauthenticates(this, state, packet)
        else if (packet.type === 'disconnect') disconnects(this, state, packet)
        else {
          const work = state.client.handle(packet)
          if (work >= 0) return work
          return work === MUST_WAIT ? waitForRoom(this) : waitForHook(this, state.client)
        }
        return 0
      case 'authenticating':
        authenticating(this, state, packet)
        return 0
      case 'awaiting-connect':
        awaitingConnect(this, packet)
        return 0
    }
  }

  /** Receives the answer to the question. */
  answer(verdict: Verdict): void {
    const { state } = this
    if (state.question === null) return
    const { changing } = this.context.broker
    try {
      if (state.kind === 'authenticating') authenticated(this, state, verdict)
      else reauthenticated(this, state, verdict)
    } catch (error) {
      this.#endBy(error, changing)
    }
    this.proceed()
  }

  /** There is room for more bytes to the client. */
  drained(): void {
    this.sender.sessionWaits = false
    if (this.state.kind !== 'connected') return
    const { broker } = this.context
    broker.changing += 1
    this.state.client.session.pump()
    broker.changing -= 1
  }

  /**
   * The socket has closed. Returns false while earlier packets are not all read, or while this turn has no work left for the
   * will. Then it must be called again in a later turn, or, while a packet waits for a hook, when `requestProceed` was called.
   */
  closed(cause: string | null): boolean {
    const { state } = this
    if (state.kind === 'awaiting-connect' && !state.hasReceived) this.#close(null)
    else if (state.kind === 'connected') state.client.goesWithoutAnswers()
    if (this.held?.waitsForHook !== true) this.#releaseHeld()
    this.proceed()
    // What arrived before the end is not lost: it is handled when the hook has answered.
    if (isHeld(this)) return false
    if (this.hasUnread || (!this.isOver && this.context.broker.turnWorkLeft <= 0)) return false
    const sentence = cause ?? 'the client closed its connection without DISCONNECT'
    this.end(UNSPECIFIED_ERROR, sentence, 'lost', 'network')
    this.sender.outbox.clear()
    return true
  }

  takenOver(): void {
    if (this.state.kind === 'connected' && this.state.client.isUnanswered) this.proceed()
    this.disconnect(SESSION_TAKEN_OVER, 'another connection came with the same client id')
  }

  /** Ends the connection as `broker.leaving` says, if the broker leaves. The will is not changed. */
  brokerStops(): void {
    const { leaving } = this.context.broker
    if (leaving === null) return
    const { reason, connectReason, sentence, serverReference } = leaving
    const said = this.state.kind === 'connected' ? reason : connectReason
    sendReason(this.state, this.sender, said, sentence, serverReference)
    this.end(reason, sentence, 'broker-stops')
  }

  /** Ends the connection from the broker's side, with a reason for the client and a sentence for the log. */
  disconnect(reason: ReasonCode, sentence: string): void {
    sendReason(this.state, this.sender, reason, sentence)
    this.end(reason, sentence, 'lost', reason === SESSION_TAKEN_OVER ? 'takeover' : 'broker')
  }

  /** A time limit was reached. */
  timedOut(reason: ReasonCode, sentence: string): void {
    if (this.state.kind === 'awaiting-connect') this.end(reason, sentence, 'lost')
    else this.disconnect(reason, sentence)
  }

  /** `changing` is its value before the packet: rules are checked before anything changes. */
  #endBy(error: unknown, changing: number): void {
    const isRule = error instanceof MalformedPacket || error instanceof ProtocolError
    if (!isRule && !(error instanceof CannotServe)) throw error
    const { broker } = this.context
    const { state, sender } = this
    broker.changing = changing
    if (isRule) {
      broker.statistics.protocolErrors += 1
      const limit = brokenLimit(error, state.kind === 'awaiting-connect')
      if (limit !== null) broker.statistics.limited[limit] += 1
    }
    if (state.kind === 'awaiting-connect' && error instanceof MalformedPacket) {
      sayUnreadable(error, this.framer, sender)
    } else {
      sendReason(state, sender, error.reason, error.message)
    }
    this.end(error.reason, error.message, 'lost')
  }

  end(reason: ReasonCode, sentence: string, departure: Departure, by: EndedBy = 'broker'): void {
    const { state } = this
    if (state.kind === 'closed') return
    const negotiated = negotiatedIn(state)
    this.#close(negotiated?.clientId ?? null)
    this.host.requestFlush()
    const { statistics, observer } = this.context.broker
    const facts = factsOf(negotiated, this.peer)
    observer.connectionEnded?.(this.peer, reason, sentence, by)
    if (state.kind !== 'connected') {
      statistics.connectionsRefused += 1
      observer.refused?.(facts, reason, sentence)
      return
    }
    if (departure === 'lost') statistics.connectionsLost += 1
    observer.disconnected?.(facts, reason, sentence, by)
    state.client.ended()
    this.context.broker.clients.leave(state.client.session, departure)
  }

  #releaseHeld(): void {
    this.held?.end()
    this.held = null
  }

  /** Ends the connection without reporting an event. */
  #close(clientId: string | null): void {
    this.state = { kind: 'closed', terms: this.state.terms, question: null, clientId }
    this.timeLimits.end()
    this.#releaseHeld()
    this.waiting?.end()
    this.waiting = null
  }
}
