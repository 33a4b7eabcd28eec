// One client's connection, from the first byte to the last: bytes in, outbox out. It neither waits nor touches a socket.
// How far it has come is its state; what moves it from one to the next stands in transitions.ts.

import type { Verdict } from '../access/access.ts'
import type { Departure } from '../broker/clients.ts'
import type { SessionHolder } from '../broker/sessions.ts'
import { WORK } from '../limits.ts'
import { decodeWithin } from '../packet/decode.ts'
import { Framer } from '../packet/framer.ts'
import type { LentBytes } from '../packet/lent-bytes.ts'
import { MalformedPacket } from '../packet/malformed.ts'
import {
  IMPLEMENTATION_SPECIFIC_ERROR,
  type ReasonCode,
  SERVER_SHUTTING_DOWN,
  SESSION_TAKEN_OVER,
  UNSPECIFIED_ERROR,
} from '../packet/reason.ts'
import { WHOLE_FILTERS_BYTES_MAX } from './connected-client.ts'
import type {
  ConnectionContext,
  ConnectionHost,
  ConnectionPeer,
  Question,
} from './connection-context.ts'
import { type Closed, type ConnectionState, negotiatedIn } from './connection-state.ts'
import { sayReason, sayUnreadable } from './departure.ts'
import { factsOf } from './handshake.ts'
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

export class Connection implements TimeLimited, SessionHolder {
  readonly context: ConnectionContext
  readonly host: ConnectionHost
  readonly peer: ConnectionPeer
  readonly sender: Sender
  readonly framer: Framer
  readonly timeLimits: TimeLimits
  /** Changed by transitions.ts, and by `end`. */
  state: ConnectionState

  constructor(context: ConnectionContext, host: ConnectionHost, peer: ConnectionPeer) {
    this.context = context
    this.host = host
    this.peer = peer
    this.sender = new Sender(context, host)
    const { broker, reading } = context
    this.framer = new Framer(reading.beforeConnect)
    const terms = reading.termsOf(4)
    this.state = { kind: 'awaiting-connect', terms, question: null, hasReceived: false }
    broker.statistics.connectionsAccepted += 1
    this.timeLimits = new TimeLimits(broker, this)
  }

  /** What the host must find out before the next packet is read, or null. */
  get question(): Question | null {
    return this.state.question
  }

  /** The end was reached: once the outbox is empty the socket is closed. */
  get isOver(): boolean {
    return this.state.kind === 'closed'
  }

  /** Null until CONNECT has come. */
  get clientId(): string | null {
    const { state } = this
    return state.kind === 'closed' ? state.clientId : (negotiatedIn(state)?.clientId ?? null)
  }

  /** Packets that have arrived wait for a later turn: this one's share is used up. */
  get hasUnread(): boolean {
    const { state } = this
    if (state.kind === 'closed' || state.question !== null) return false
    if (this.framer.hasUnread) return true
    return state.kind === 'connected' && state.client.filterWork !== null
  }

  get unreadBytes(): number {
    const { state } = this
    const filterWork = state.kind === 'connected' ? state.client.filterWork : null
    return this.framer.unreadBytes + (filterWork === null ? 0 : filterWork.list.bytes)
  }

  /** Bytes from the client. The chunk is lent: what must outlive this call is copied. */
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

  /** A fault of ours while it was served, before anything of the broker had changed: it ends, and nobody else does. */
  failed(error: unknown): void {
    this.context.broker.faults.failed('connection', error, this.clientId)
    this.disconnect(IMPLEMENTATION_SPECIFIC_ERROR, 'a fault of the broker itself')
  }

  /** Something has come from the client that is not whole yet. */
  heard(): void {
    this.timeLimits.lastHeard = this.context.broker.now
  }

  /** Reads on, up to this connection's share of the turn. */
  proceed(): void {
    const { broker } = this.context
    const { journal, limits, changing } = broker
    // The search among filters and replays of retained messages take theirs off by themselves.
    const least = broker.turnWorkLeft - Math.min(limits.turnWorkMax, broker.turnWorkLeft)
    try {
      while (broker.turnWorkLeft > least) {
        const { state } = this
        if (state.kind === 'closed' || state.question !== null) break
        const before = journal.length
        const work = this.#advance(state)
        if (work === null) break
        broker.turnWorkLeft -= WORK.packet + work + WORK.durableChange * (journal.length - before)
      }
    } catch (error) {
      this.#endBy(error, changing)
    }
  }

  /** Handles the next packet, or goes on with one. Returns the work beyond that of a packet, null when there is none. */
  #advance(state: Exclude<ConnectionState, Closed>): number | null {
    const { framer } = this
    const client = state.kind === 'connected' ? state.client : null
    if (client !== null && client.filterWork !== null) return client.workOnFilters()
    if (!framer.next()) return null
    const { bytes, start, end } = framer
    if (client !== null && end - start > WHOLE_FILTERS_BYTES_MAX) {
      if (client.takesApart(bytes, start, end)) return 0
    }
    const packet = decodeWithin(bytes, start, end, state.terms)
    this.context.broker.statistics.packetsReceived += 1
    switch (state.kind) {
      case 'connected':
        if (packet.type === 'auth') reauthenticates(this, state, packet)
        else if (packet.type === 'disconnect') disconnects(this, state, packet)
        else return state.client.handle(packet)
        return 0
      case 'authenticating':
        authenticating(this, state, packet)
        return 0
      case 'awaiting-connect':
        awaitingConnect(this, packet)
        return 0
    }
  }

  /** The answer to the question. */
  answer(verdict: Verdict): void {
    const { state } = this
    const { question } = state
    if (question === null) return
    state.question = null
    const { changing } = this.context.broker
    try {
      if (state.kind === 'authenticating') authenticated(this, state, question, verdict)
      else reauthenticated(this, state, question, verdict)
    } catch (error) {
      this.#endBy(error, changing)
    }
    this.proceed()
  }

  /** There is room for more towards the client. */
  drained(): void {
    this.sender.isAwaited = false
    if (this.state.kind !== 'connected') return
    const { broker } = this.context
    broker.changing += 1
    this.state.client.session.pump()
    broker.changing -= 1
  }

  /**
   * The socket is gone, whoever ended it. False while what came before is not all read, or this turn has no room for the
   * will: to be called again in a later one.
   */
  closed(cause: string | null): boolean {
    const { state } = this
    if (state.kind === 'awaiting-connect' && !state.hasReceived) this.#close(null)
    else if (state.kind === 'connected') state.client.goesWithoutAnswers()
    this.proceed()
    if (this.hasUnread || (!this.isOver && this.context.broker.turnWorkLeft <= 0)) return false
    const sentence = cause ?? 'the client closed its connection without DISCONNECT'
    this.end(UNSPECIFIED_ERROR, sentence, 'lost')
    this.sender.outbox.clear()
    return true
  }

  takenOver(): void {
    if (this.state.kind === 'connected' && this.state.client.isUnanswered) this.proceed()
    this.disconnect(SESSION_TAKEN_OVER, 'another connection came with the same client id')
  }

  /** The broker stops: its clients are told, their wills stay as they are. */
  brokerStops(): void {
    sayReason(this.state, this.sender, SERVER_SHUTTING_DOWN, 'the broker is stopping')
    this.end(SERVER_SHUTTING_DOWN, 'the broker is stopping', 'broker-stops')
  }

  /** Ends the connection from our side, with a reason for the client and a sentence for the log. */
  disconnect(reason: ReasonCode, sentence: string): void {
    sayReason(this.state, this.sender, reason, sentence)
    this.end(reason, sentence, 'lost')
  }

  /** A time limit was reached. */
  timedOut(reason: ReasonCode, sentence: string): void {
    if (this.state.kind === 'awaiting-connect') this.end(reason, sentence, 'lost')
    else this.disconnect(reason, sentence)
  }

  /** `changing` is what it was before: who breaks a rule is found out before anything changes. */
  #endBy(error: unknown, changing: number): void {
    const isRule = error instanceof MalformedPacket || error instanceof ProtocolError
    if (!isRule && !(error instanceof CannotServe)) throw error
    const { broker } = this.context
    const { state, sender } = this
    broker.changing = changing
    if (isRule) broker.statistics.protocolErrors += 1
    if (state.kind === 'awaiting-connect' && error instanceof MalformedPacket) {
      sayUnreadable(error, this.framer, sender)
    } else {
      sayReason(state, sender, error.reason, error.message)
    }
    this.end(error.reason, error.message, 'lost')
  }

  end(reason: ReasonCode, sentence: string, departure: Departure): void {
    const { state } = this
    if (state.kind === 'closed') return
    const negotiated = negotiatedIn(state)
    this.#close(negotiated?.clientId ?? null)
    this.host.requestFlush()
    const { statistics, observer } = this.context.broker
    const facts = factsOf(negotiated, this.peer)
    if (state.kind !== 'connected') {
      statistics.connectionsRefused += 1
      observer.refused?.(facts, reason, sentence)
      return
    }
    if (departure === 'lost') statistics.connectionsLost += 1
    observer.disconnected?.(facts, reason, sentence)
    state.client.ended()
    this.context.broker.clients.leave(state.client.session, departure)
  }

  /** Without an event. */
  #close(clientId: string | null): void {
    this.state = { kind: 'closed', terms: this.state.terms, question: null, clientId }
    this.timeLimits.end()
  }
}
