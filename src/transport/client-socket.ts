// One socket bound to one connection: read, pause, write, close.

import type { Access, Exchange, Verdict } from '../access/access.ts'
import { verdictIn } from '../access/verdict.ts'
import { Connection } from '../connection/connection.ts'
import type {
  ConnectionHost,
  ConnectionContext,
  Question,
} from '../connection/connection-context.ts'
import type { Flushable, Turn } from '../loop/turn.ts'
import { BAD_AUTHENTICATION_METHOD, QUOTA_EXCEEDED, SERVER_UNAVAILABLE } from '../packet/reason.ts'
import type { Log } from '../observe/log.ts'
import type { Arrived, Wire, WireReceiver } from './wire.ts'
import type { LentBytes } from '../packet/lent-bytes.ts'

export interface ClientSocketContext {
  readonly connections: ConnectionContext
  readonly turn: Turn
  readonly access: Access
  readonly log: Log
  /** The socket is done with; called once. */
  ended(socket: ClientSocket): void
}

// Why we do not read from a client: bits, for there may be several reasons at once.
const SHARE_USED = 1
const QUESTION_OPEN = 2
const BACKLOG = 4
const NOT_READING_US = 8

/** Bytes that wait for their turn before the socket is not read from. */
const UNREAD_BYTES_MAX = 65_536

/** A socket and its connection in the heap of Node, while nothing waits there. */
const CONNECTION_BYTES = 4_000

export class ClientSocket implements Arrived, WireReceiver, ConnectionHost, Flushable {
  readonly connection: Connection
  readonly #wire: Wire
  readonly #context: ClientSocketContext
  #exchange: Exchange | null = null
  #isFlushRequested = false
  #isPostponed = false
  /** The connection has a question, and its answer is not here yet. */
  #isAsking = false
  #isClosed = false
  /** Why it closed. */
  #cause: string | null = null
  /** Nothing that came before it closed is left to be read. */
  #hasEnded = false
  #isEnding = false
  #paused = 0
  /** Bytes read since all that had been read was answered. */
  #unanswered = 0
  /** Bytes that the broker's account has of this socket. */
  #counted = 0

  constructor(wire: Wire, context: ClientSocketContext) {
    this.#wire = wire
    this.#context = context
    context.turn.begin()
    context.connections.broker.memory.add('sessions', CONNECTION_BYTES)
    this.connection = new Connection(context.connections, this, wire.peer)
    wire.open(this)
  }

  get hasConnect(): boolean {
    return this.connection.clientId !== null
  }

  get pendingBytes(): number {
    return this.#wire.pendingBytes
  }

  get isFlowing(): boolean {
    return this.#wire.isFlowing
  }

  get isPaused(): boolean {
    return this.#isAsking || (this.#paused & ~NOT_READING_US) !== 0
  }

  received(chunk: LentBytes): void {
    const { turn, connections } = this.#context
    if (turn.hasFailed) return
    turn.begin()
    const { changing } = connections.broker
    this.#unanswered += chunk.length
    try {
      // Not before something comes: a socket that is not read from does not tell that its client has gone away.
      if (this.#isAsking) this.#pause(QUESTION_OPEN)
      this.connection.receive(chunk)
      this.#afterReading()
    } catch (error) {
      this.#failed(error, changing)
    }
  }

  heard(): void {
    this.#context.turn.begin()
    this.connection.heard()
  }

  proceed(): void {
    this.#isPostponed = false
    const { changing } = this.#broker
    try {
      this.#resume(SHARE_USED)
      if (this.#isClosed) {
        this.#lose(this.#cause)
        return
      }
      if (this.connection.sender.isAwaited) this.connection.drained()
      this.connection.proceed()
      this.#afterReading()
    } catch (error) {
      this.#failed(error, changing)
    }
  }

  drained(): void {
    const { changing } = this.#broker
    try {
      if (this.#wire.pendingBytes <= this.#outboxBytesMax) this.#resume(NOT_READING_US)
      this.#count()
      // A wire that takes late says this after every write, and mostly nobody waits for it.
      if (!this.connection.sender.isAwaited) return
      this.#context.turn.begin()
      if (this.#broker.turnWorkLeft <= 0) this.#postpone()
      else this.connection.drained()
    } catch (error) {
      this.#failed(error, changing)
    }
  }

  closed(cause: string | null): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#context.turn.begin()
    this.#lose(cause)
  }

  /** What the client said before its socket closed is read as any other, in as many turns as it needs. */
  #lose(cause: string | null): void {
    this.#cause = cause
    if (this.#hasEnded) return
    this.#hasEnded = this.#isLost(cause)
    if (!this.#hasEnded) {
      this.#postpone()
      return
    }
    const { memory } = this.#broker
    memory.add('sessions', -CONNECTION_BYTES)
    memory.addBuffer(-this.#counted)
    this.#context.ended(this)
  }

  #isLost(cause: string | null): boolean {
    const { changing } = this.#broker
    try {
      return this.connection.closed(cause)
    } catch (error) {
      this.#failed(error, changing)
      return true
    }
  }

  requestFlush(): void {
    if (this.#isFlushRequested) return
    this.#isFlushRequested = true
    this.#context.turn.requestFlush(this)
  }

  flushEarly(): void {
    if (!this.#isClosed) this.#write(this.#context.connections.broker.journal.committed)
  }

  flush(committed: number): boolean {
    this.#isFlushRequested = false
    if (this.#isClosed) return false
    const { changing } = this.#broker
    try {
      const { fault } = this.connection.sender
      if (fault === null) return this.#flush(committed)
      this.#failed(fault, changing)
    } catch (error) {
      this.#failed(error, changing)
    }
    return false
  }

  #flush(committed: number): boolean {
    const { sender, isOver } = this.connection
    this.#ask()
    this.#write(committed)
    sender.flushed()
    this.#count()
    if (!sender.outbox.isEmpty) {
      this.#holdBack()
      return true
    }
    this.#unanswered = 0
    this.#resume(BACKLOG)
    if (isOver) this.#close()
    // Nothing is pending, so no drain will be reported: it goes on in the next turn.
    else if (sender.isAwaited && this.#wire.pendingBytes === 0) this.#postpone()
    return false
  }

  get #broker(): ConnectionContext['broker'] {
    return this.#context.connections.broker
  }

  /**
   * Something was thrown while this client was served. Where a change of the broker's state had begun, nothing of that state
   * may be said any more; otherwise this connection ends, and nothing else does.
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
    // It cannot even hear why.
    if (isOver || sender.fault !== null) this.#wire.destroy()
  }

  /** Ends the connection because the broker stops. */
  brokerStops(): void {
    this.#context.turn.begin()
    this.connection.brokerStops()
    if (this.#isClosed) this.#lose(this.#cause)
  }

  /** Closes the socket at once, whatever still waits. */
  destroy(): void {
    this.#wire.destroy()
  }

  #write(committed: number): void {
    const { outbox } = this.connection.sender
    if (outbox.isEmpty) return
    const pieces = outbox.take(committed)
    if (pieces.length === 0) return
    let bytes = 0
    for (const piece of pieces) bytes += piece.length
    this.#context.connections.broker.statistics.bytesSent += bytes
    const [only] = pieces
    const wasTaken =
      pieces.length === 1 && only !== undefined
        ? this.#wire.write(only)
        : this.#wire.writeMany(pieces)
    outbox.recycle(wasTaken)
    // It does not take even its answers: more of its packets would only add to them.
    if (this.#wire.pendingBytes > 2 * this.#outboxBytesMax) this.#pause(NOT_READING_US)
  }

  get #outboxBytesMax(): number {
    return this.#context.connections.broker.limits.outboxBytesMax
  }

  /** Tells the account what has arrived and was not read, and what was said and has not left. */
  #count(): void {
    const { connection } = this
    const bytes = connection.unreadBytes + connection.sender.outbox.bytes + this.#wire.pendingBytes
    if (bytes === this.#counted || this.#isClosed) return
    const { memory } = this.#context.connections.broker
    memory.addBuffer(bytes - this.#counted)
    this.#counted = bytes
    if (connection.unreadBytes <= UNREAD_BYTES_MAX || memory.hasReserve) return
    memory.refusals += 1
    connection.disconnect(QUOTA_EXCEEDED, 'the memory for what clients send is full')
  }

  #afterReading(): void {
    this.#count()
    if (this.connection.hasUnread) {
      // To stop and start a socket costs two calls of the system: a little more may come meanwhile.
      if (this.connection.unreadBytes > UNREAD_BYTES_MAX) this.#pause(SHARE_USED)
      this.#postpone()
    }
    this.#holdBack()
    this.#ask()
  }

  /** Reads no further while too much of what was read waits for its answer. */
  #holdBack(): void {
    const { outbox } = this.connection.sender
    if (outbox.isEmpty || this.#unanswered <= this.#broker.limits.publishBacklogBytesMax) return
    this.#pause(BACKLOG)
  }

  #postpone(): void {
    if (this.#isPostponed) return
    this.#isPostponed = true
    this.#context.turn.postpone(this)
  }

  #close(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#wire.end()
  }

  #pause(why: number): void {
    if (this.#paused === 0) this.#wire.pause()
    this.#paused |= why
  }

  #resume(why: number): void {
    if ((this.#paused & why) === 0) return
    this.#paused &= ~why
    if (this.#paused === 0 && !this.#isClosed) this.#wire.resume()
  }

  /** Brings the connection's question to those who know. Nothing more is heard of the client until the answer is there. */
  #ask(): void {
    const { question } = this.connection
    if (question === null || this.#isAsking) return
    this.#isAsking = true
    const answer = this.#answerTo(question)
    if (isPromise(answer)) {
      void Promise.resolve(answer)
        .then(
          late => this.#verdictIn(late),
          error => this.#noVerdict(error),
        )
        .then(verdict => this.#answer(verdict))
    } else {
      this.#answer(this.#verdictIn(answer))
    }
  }

  #answerTo(question: Question): Verdict | Promise<Verdict> {
    const { access } = this.#context
    try {
      if (question.kind === 'authenticate') return access.authenticate(question.credentials)
      if (question.isFirst) {
        this.#exchange = access.beginExchange(question.method, question.credentials)
      }
      if (this.#exchange === null) {
        const sentence = 'the authentication method is not offered'
        return { kind: 'refused', reason: BAD_AUTHENTICATION_METHOD, sentence }
      }
      return this.#exchange.step({ method: question.method, data: question.data })
    } catch (error) {
      return this.#noVerdict(error)
    }
  }

  /** What an author of rules answers is looked at before it is believed. */
  #verdictIn(answer: unknown): Verdict {
    try {
      return verdictIn(answer) ?? this.#noVerdict(new TypeError('the answer is no verdict'))
    } catch (error) {
      return this.#noVerdict(error)
    }
  }

  #answer(verdict: Verdict): void {
    this.#context.turn.begin()
    const { changing } = this.#broker
    this.#isAsking = false
    try {
      this.#resume(QUESTION_OPEN)
      this.connection.answer(verdict)
      this.#afterReading()
    } catch (error) {
      this.#failed(error, changing)
    }
  }

  /** Whoever was asked has failed: nobody comes in. */
  #noVerdict(error: unknown): Verdict {
    const { broker } = this.#context.connections
    broker.faults.failed('authentication', error, this.connection.clientId)
    return {
      kind: 'refused',
      reason: SERVER_UNAVAILABLE,
      sentence: 'the authentication is out of order',
    }
  }
}

/** Also one of another library's making. */
function isPromise(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'then' in answer
}
