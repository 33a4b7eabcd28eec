// Binds one socket to one connection: reads, pauses, writes, closes.

import type { Access, Verdict } from '../access/access.ts'
import { Connection } from '../connection/connection.ts'
import type { ConnectionHost, ConnectionContext } from '../connection/connection-context.ts'
import { isHeld } from '../connection/held-publishes.ts'
import { openingBytes } from '../connection/connection-state.ts'
import { IncomingRates } from '../connection/incoming-rates.ts'
import { StallWatch } from '../connection/stall-watch.ts'
import { STRANGERS_FULL, StrangerShare } from '../connection/stranger-budget.ts'
import type { Flushable, Turn } from '../loop/turn.ts'
import type { Log } from '../observe/log.ts'
import type { LentBytes } from '../packet/lent-bytes.ts'
import { MESSAGE_RATE_TOO_HIGH, QUOTA_EXCEEDED } from '../packet/reason.ts'
import { Authentication } from './authentication.ts'
import { HELD, NOT_READING_US, QUESTION_OPEN, Reading, SHARE_USED, TOO_FAST } from './reading.ts'
import { type Acceptance, NO_LISTENER, type Peer, type Wire, type WireReceiver } from './wire.ts'

export interface ClientSocketContext {
  readonly connections: ConnectionContext
  readonly turn: Turn
  readonly access: Access
  readonly log: Log
  /** Is called once, when the socket has closed and its packets are handled. */
  ended(socket: ClientSocket): void
}

/** Hears the bytes of one client, for a trace. */
interface PacketTap {
  /** `isAtPacket`: the chunk begins with a packet, because all that came before was read. */
  received(chunk: Uint8Array, isAtPacket: boolean): void
  /** Whole packets. */
  sent(pieces: readonly Uint8Array[]): void
}

type State =
  | { readonly kind: 'open' }
  /** The wire has all bytes, and closes after it has sent them. */
  | { readonly kind: 'ending' }
  /** The socket has closed, and not all packets that arrived before are handled. `cause` is why it closed. */
  | { readonly kind: 'closed'; readonly cause: string | null }
  /** The socket has closed and all packets are handled. */
  | { readonly kind: 'ended' }

const OPEN: State = { kind: 'open' }
const ENDING: State = { kind: 'ending' }
const ENDED: State = { kind: 'ended' }

/** The socket is paused when this many bytes wait for their turn. */
const UNREAD_BYTES_MAX = 65_536

/** The socket is paused when this many bytes wait behind a PUBLISH that must wait. Up to there pings are heard. */
const HELD_BYTES_MAX = 16_384

/** The heap bytes of a socket and its connection while nothing waits. */
const CONNECTION_BYTES = 4_000

// Wide on purpose: it receives the events of a wire and is the host of a connection, with one method for each event of both.
export class ClientSocket implements WireReceiver, ConnectionHost, Flushable {
  readonly connection: Connection
  /** Null while nobody traces this client. */
  tap: PacketTap | null = null
  readonly #wire: Wire
  readonly #context: ClientSocketContext
  readonly #broker: ConnectionContext['broker']
  readonly #reading: Reading
  #state = OPEN
  #isFlushRequested = false
  /** Null while no question and no exchange is open. */
  #authentication: Authentication | null = null
  /** The bytes of this socket in the broker's memory account. */
  #counted = 0
  /** What the wire keeps of a message that is not complete. */
  #partBytes = 0
  /** Null once its client was let in. */
  #stranger: StrangerShare | null
  /** Null where the rates of clients have no bound. */
  #rates: IncomingRates | null = null
  /** Made when the system does not take bytes for the first time. */
  #stall: StallWatch | null = null
  #writtenBytes = 0

  constructor(wire: Wire, context: ClientSocketContext, acceptance: Acceptance = NO_LISTENER) {
    this.#stranger = new StrangerShare(context.connections.strangers, acceptance.hasConnect)
    this.#wire = wire
    this.#context = context
    this.#broker = context.connections.broker
    this.#reading = new Reading(wire)
    context.turn.begin()
    this.#broker.memory.add('sessions', CONNECTION_BYTES)
    this.connection = new Connection(context.connections, this, wire.peer, acceptance)
    wire.open(this)
  }

  get peer(): Peer {
    return this.#wire.peer
  }

  get pendingBytes(): number {
    return this.#wire.pendingBytes
  }

  get isFlowing(): boolean {
    return this.#wire.isFlowing
  }

  get isPaused(): boolean {
    return this.#reading.isPaused || isHeld(this.connection)
  }

  received(chunk: LentBytes): void {
    const { turn } = this.#context
    if (turn.hasFailed) return
    turn.begin()
    const { changing } = this.#broker
    const reading = this.#reading
    reading.unanswered += chunk.length
    try {
      if (reading.awaitsVerdict) reading.pause(QUESTION_OPEN)
      const before = this.#broker.statistics.messagesReceived
      this.tap?.received(chunk as Buffer, this.connection.framer.unreadBytes === 0)
      this.connection.receive(chunk)
      if (this.#rates !== null) this.#charge(this.#rates, before, chunk.length)
      this.#afterReading()
    } catch (error) {
      this.#failed(error, changing)
    }
  }

  heard(): void {
    this.#context.turn.begin()
    this.connection.heard()
  }

  kept(bytes: number): void {
    const { changing } = this.#broker
    this.#partBytes = bytes
    this.#context.turn.begin()
    try {
      this.#count()
    } catch (error) {
      this.#failed(error, changing)
    }
  }

  proceed(): void {
    const { changing } = this.#broker
    try {
      this.#reading.resume(SHARE_USED)
      if (isClosed(this.#state)) {
        this.#readToEnd()
        return
      }
      if (this.connection.sender.sessionWaits) this.connection.drained()
      const before = this.#broker.statistics.messagesReceived
      this.connection.proceed()
      if (this.#rates !== null) this.#charge(this.#rates, before, 0)
      this.#afterReading()
    } catch (error) {
      this.#failed(error, changing)
    }
  }

  drained(): void {
    const { changing, limits } = this.#broker
    const { turn } = this.#context
    this.#stall?.progresses()
    if (this.#wire.pendingBytes === 0) this.connection.sender.outbox.allTaken()
    try {
      if (this.#wire.pendingBytes <= limits.outboxBytesMax) this.#reading.resume(NOT_READING_US)
      this.#count()
      // A wire that takes bytes late calls this after every write. Mostly nothing waits for it.
      if (!this.connection.sender.sessionWaits) return
      turn.begin()
      if (this.#broker.turnWorkLeft <= 0) turn.postpone(this)
      else this.connection.drained()
    } catch (error) {
      this.#failed(error, changing)
    }
  }

  closed(cause: string | null): void {
    if (isClosed(this.#state)) return
    this.#state = { kind: 'closed', cause }
    this.#reading.end()
    this.#context.turn.begin()
    this.#readToEnd()
  }

  /** Ends the connection because the broker stops. */
  brokerStops(): void {
    this.#context.turn.begin()
    this.connection.brokerStops()
    if (isClosed(this.#state)) this.#readToEnd()
  }

  /** Closes the socket at once; waiting bytes are lost. */
  destroy(): void {
    this.#wire.destroy()
  }

  /** The bytes in memory that wait for this client: to be sent, or in its queue. */
  get backlogBytes(): number {
    const { state, sender } = this.connection
    const queued = state.kind === 'connected' ? state.client.session.queuedInMemoryBytes : 0
    return queued + sender.outbox.bytes + this.#wire.pendingBytes
  }

  /** Ends the connection of a client that does not read what it is sent. It would not read the reason. */
  cutOff(sentence: string): void {
    this.#context.turn.begin()
    const { changing } = this.#broker
    try {
      this.connection.disconnect(QUOTA_EXCEEDED, sentence)
    } catch (error) {
      this.#failed(error, changing)
    }
    this.#wire.reset()
  }

  requestProceed(): void {
    this.#context.turn.begin()
    // More may be sent to a client whose own PUBLISH packets wait still.
    if (!isHeld(this.connection)) this.#reading.resume(HELD)
    this.#context.turn.postpone(this)
  }

  mayAsk(): void {
    this.#context.turn.begin()
    this.#reading.awaitsVerdict = false
    this.#context.turn.postpone(this)
  }

  requestFlush(): void {
    if (this.#isFlushRequested) return
    this.#isFlushRequested = true
    this.#context.turn.requestFlush(this)
  }

  flush(): boolean {
    this.#isFlushRequested = false
    if (isClosed(this.#state)) {
      // It was taken over while one of its packets waited for a hook.
      if (this.connection.isOver) this.#context.turn.postpone(this)
      return false
    }
    const { changing, limits } = this.#broker
    const { sender, isOver } = this.connection
    try {
      if (sender.fault !== null) throw sender.fault
      this.#ask()
      this.write()
      sender.flushed()
      this.#count()
      if (!sender.outbox.isEmpty) {
        this.#reading.holdBack(limits.publishBacklogBytesMax)
        return true
      }
      this.#reading.allAnswered()
      if (isOver && this.#state === OPEN) {
        this.#state = ENDING
        this.#wire.end()
      } else if (!isOver && sender.sessionWaits && this.#wire.pendingBytes === 0) {
        // `drained` will not be called, so it continues in the next turn.
        this.#context.turn.postpone(this)
      }
    } catch (error) {
      this.#failed(error, changing)
    }
    return false
  }

  /** Writes all bytes that may be sent now. */
  write(): void {
    const { outbox } = this.connection.sender
    if (outbox.isEmpty || isClosed(this.#state)) return
    const { journal, statistics, limits } = this.#broker
    const pieces = outbox.take(journal.committed)
    if (pieces.length === 0) return
    if (this.tap !== null) this.tap.sent(pieces)
    let bytes = 0
    for (const piece of pieces) bytes += piece.length
    statistics.bytesSent += bytes
    this.#writtenBytes += bytes
    const wire = this.#wire
    const [only] = pieces
    const wasTaken =
      pieces.length === 1 && only !== undefined ? wire.write(only) : wire.writeMany(pieces)
    const { pendingBytes } = wire
    outbox.recycle(wasTaken, wire.copies ? pendingBytes : 0)
    if (pendingBytes === 0) return
    if (limits.stalledSecondsMax > 0) this.#watchReading(limits.stalledSecondsMax * 1_000)
    // The client does not read its answers, and more packets would only add to them.
    if (pendingBytes > 2 * limits.outboxBytesMax) this.#reading.pause(NOT_READING_US)
  }

  #watchReading(stallMs: number): void {
    const { deadlines, now } = this.#broker
    this.#stall ??= new StallWatch(this.#wire, deadlines, stallMs, () => this.#stalled())
    this.#stall.waits(now, this.#writtenBytes)
  }

  #stalled(): void {
    if (this.connection.isOver) return
    const { statistics, limits } = this.#broker
    statistics.limited.stalledSecondsMax += 1
    this.cutOff(
      `it read nothing for ${limits.stalledSecondsMax} s while bytes waited for it (limits.stalledSecondsMax)`,
    )
  }

  /** Handles the packets that arrived before the socket closed, in as many turns as needed. */
  #readToEnd(): void {
    const state = this.#state
    if (state.kind !== 'closed') return
    const { changing, memory } = this.#broker
    try {
      if (!this.connection.closed(state.cause)) {
        if (!isHeld(this.connection)) this.#context.turn.postpone(this)
        return
      }
    } catch (error) {
      this.#failed(error, changing)
    }
    this.#state = ENDED
    memory.add('sessions', -CONNECTION_BYTES)
    memory.addBuffer(-this.#counted)
    this.#stranger?.set(0)
    this.#rates?.end()
    this.#stall?.end()
    this.#context.ended(this)
  }

  /**
   * Handles an error that was thrown while this client was served. If a change of the broker's state had begun, the broker must
   * not send anything any more. Otherwise only this connection ends.
   */
  #failed(error: unknown, changingBefore: number): void {
    const { turn } = this.#context
    const { isOver, sender } = this.connection
    if (turn.hasFailed || this.#broker.changing > changingBefore) {
      turn.stateFailed(error)
      return
    }
    try {
      this.connection.failed(error)
    } catch (worse) {
      turn.stateFailed(worse)
      return
    }
    // The client cannot even be sent the reason.
    if (isOver || sender.fault !== null) this.#wire.destroy()
  }

  /** Updates the memory account with the bytes that arrived and were not read, and the bytes that wait to be sent. */
  #count(): void {
    const { connection } = this
    const unread = connection.unreadBytes + this.#partBytes
    const bytes = unread + connection.sender.outbox.bytes + this.#wire.pendingBytes
    if (bytes === this.#counted || isClosed(this.#state)) return
    const { memory } = this.#broker
    memory.addBuffer(bytes - this.#counted)
    this.#counted = bytes
    if (this.#stranger !== null) this.#countStranger()
    if (unread <= UNREAD_BYTES_MAX || memory.hasReserve) return
    memory.refusals += 1
    connection.disconnect(QUOTA_EXCEEDED, 'the memory for what clients send is full')
  }

  /** Counts what this client has sent since there were `before` messages of all, and stops reading it for a while. */
  #charge(rates: IncomingRates, before: number, bytes: number): void {
    const { connection } = this
    const { statistics, observer, limits, now } = this.#broker
    const pause = rates.charge(statistics.messagesReceived - before, bytes, now)
    if (pause === null || connection.isOver) return
    const { limit, isTooLong } = pause
    if (isTooLong) {
      statistics.limited.slowedSecondsMax += 1
      const sentence = `over limits.${limit} (${limits[limit]}) for ${limits.slowedSecondsMax} s without a break (limits.slowedSecondsMax)`
      connection.disconnect(MESSAGE_RATE_TOO_HIGH, sentence)
      return
    }
    statistics.limited[limit] += 1
    observer.slowed?.(connection.clientId ?? '', limit)
    this.#reading.pause(TOO_FAST)
  }

  /** Whoever needs more of what all strangers have than is left has to go. */
  #countStranger(): void {
    const { connection } = this
    const bytes = connection.isOver ? 0 : this.#counted + openingBytes(connection.state)
    if (this.#stranger?.set(bytes) !== false) return
    connection.disconnect(QUOTA_EXCEEDED, STRANGERS_FULL)
  }

  #afterReading(): void {
    const { connection } = this
    const reading = this.#reading
    this.#count()
    if (connection.hasUnread) {
      // Pausing and resuming a socket costs two system calls, so a little more is read first.
      if (connection.unreadBytes > UNREAD_BYTES_MAX) reading.pause(SHARE_USED)
      this.#context.turn.postpone(this)
    } else if (connection.held?.isWaiting === true && connection.unreadBytes > HELD_BYTES_MAX)
      reading.pause(HELD)
    const { outbox } = connection.sender
    if (!outbox.isEmpty) reading.holdBack(this.#broker.limits.publishBacklogBytesMax)
    this.#ask()
  }

  /** Asks the connection's question. */
  #ask(): void {
    const { question } = this.connection
    if (question === null || this.#reading.awaitsVerdict) return
    this.#stranger?.hasConnect()
    if (this.#stranger !== null) this.#countStranger()
    if (this.connection.isOver) return
    this.#reading.awaitsVerdict = true
    if (!this.connection.enters()) return
    this.#authentication ??= new Authentication(this.#context, this.connection)
    this.#authentication.ask(question, verdict => this.#answer(verdict))
  }

  #answer(verdict: Verdict): void {
    this.#context.turn.begin()
    const { changing } = this.#broker
    this.#reading.awaitsVerdict = false
    if (verdict.kind !== 'continue') this.#authentication = null
    try {
      this.#reading.resume(QUESTION_OPEN)
      this.connection.answer(verdict)
      const { state } = this.connection
      if (this.#stranger !== null && state.kind === 'connected') {
        this.#stranger.set(0)
        this.#stranger = null
        const { identity } = state.client.session.rights
        const user = this.#context.connections.userRates.incoming.join(identity, this.#broker.now)
        this.#rates = IncomingRates.of(this.#broker, user, () => this.#reading.resume(TOO_FAST))
      }
      this.#afterReading()
    } catch (error) {
      this.#failed(error, changing)
    }
  }
}

function isClosed({ kind }: State): boolean {
  return kind === 'closed' || kind === 'ended'
}
