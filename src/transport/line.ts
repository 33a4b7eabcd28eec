// One socket bound to one connection: read, pause, write, close.

import type { Access, Exchange, Verdict } from '../access/access.ts'
import { Connection } from '../connection/connection.ts'
import type { Carrier, ConnectionContext, Question } from '../connection/connection-context.ts'
import type { Speaker, Turn } from '../loop/turn.ts'
import { BAD_AUTHENTICATION_METHOD, QUOTA_EXCEEDED, SERVER_UNAVAILABLE } from '../packet/reason.ts'
import type { Log } from '../observe/log.ts'
import type { Wire, WireReceiver } from './wire.ts'

export interface LineContext {
  readonly connections: ConnectionContext
  readonly turn: Turn
  readonly access: Access
  readonly log: Log
  /** Bytes from one client whose answers wait for a commit, before we stop reading from it. */
  readonly publishBacklogBytesMax: number
  /** The line is done with; called once. */
  ended(line: Line): void
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

export class Line implements WireReceiver, Carrier, Speaker {
  readonly connection: Connection
  readonly #wire: Wire
  readonly #context: LineContext
  #exchange: Exchange | null = null
  #isAttended = false
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
  /** Bytes that the broker's account has of this line. */
  #counted = 0

  constructor(wire: Wire, context: LineContext) {
    this.#wire = wire
    this.#context = context
    context.turn.begin()
    context.connections.broker.kept.add('sessions', CONNECTION_BYTES)
    this.connection = new Connection(context.connections, this, wire.peer)
    wire.open(this)
  }

  get pendingBytes(): number {
    return this.#wire.pendingBytes
  }

  get isFlowing(): boolean {
    return this.#wire.pendingBytes === 0
  }

  get isPaused(): boolean {
    return this.#isAsking || (this.#paused & ~NOT_READING_US) !== 0
  }

  received(chunk: Buffer): void {
    this.#context.turn.begin()
    this.#unanswered += chunk.length
    // Not before something comes: a socket that is not read from does not tell that its client has gone away.
    if (this.#isAsking) this.#pause(QUESTION_OPEN)
    this.connection.receive(chunk)
    this.#afterReading()
  }

  proceed(): void {
    this.#isPostponed = false
    this.#resume(SHARE_USED)
    if (this.#isClosed) {
      this.#lose(this.#cause)
      return
    }
    if (this.connection.sender.isAwaited) this.connection.drained()
    this.connection.proceed()
    this.#afterReading()
  }

  drained(): void {
    this.#context.turn.begin()
    this.#resume(NOT_READING_US)
    this.#count()
    this.connection.drained()
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
    this.#hasEnded = this.connection.closed(cause)
    if (!this.#hasEnded) {
      this.#postpone()
      return
    }
    const { kept } = this.#context.connections.broker
    kept.add('sessions', -CONNECTION_BYTES)
    kept.addBuffer(-this.#counted)
    this.#context.ended(this)
  }

  attend(): void {
    if (this.#isAttended) return
    this.#isAttended = true
    this.#context.turn.attend(this)
  }

  relieve(): void {
    if (!this.#isClosed) this.#write(this.#context.connections.broker.journal.committed)
  }

  flush(committed: number): boolean {
    this.#isAttended = false
    if (this.#isClosed) return false
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
    // The system took all at once, so no drain will be reported: it goes on in the next turn.
    else if (sender.isAwaited && this.isFlowing) this.#postpone()
    return false
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
    const { outboxBytesMax } = this.#context.connections.broker.limits
    // It does not take even its answers: more of its packets would only add to them.
    if (this.#wire.pendingBytes > 2 * outboxBytesMax) this.#pause(NOT_READING_US)
  }

  /** Tells the account what has arrived and was not read, and what was said and has not left. */
  #count(): void {
    const { connection } = this
    const bytes = connection.unreadBytes + connection.sender.outbox.bytes + this.#wire.pendingBytes
    if (bytes === this.#counted || this.#isClosed) return
    const { kept } = this.#context.connections.broker
    kept.addBuffer(bytes - this.#counted)
    this.#counted = bytes
    if (connection.unreadBytes <= UNREAD_BYTES_MAX || kept.hasReserve) return
    kept.refusals += 1
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
    if (outbox.isEmpty || this.#unanswered <= this.#context.publishBacklogBytesMax) return
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
    const verdict = this.#verdictOn(question)
    if (verdict instanceof Promise) {
      verdict.then(
        answer => this.#answer(answer),
        error => this.#answer(this.#failed(error)),
      )
    } else {
      this.#answer(verdict)
    }
  }

  #verdictOn(question: Question): Verdict | Promise<Verdict> {
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
      return this.#failed(error)
    }
  }

  #answer(verdict: Verdict): void {
    this.#context.turn.begin()
    this.#isAsking = false
    this.#resume(QUESTION_OPEN)
    this.connection.answer(verdict)
    this.#afterReading()
  }

  /** Whoever was asked has failed: nobody comes in. */
  #failed(error: unknown): Verdict {
    const { clientId } = this.connection
    this.#context.log.error({ clientId, error }, 'the authentication failed to answer')
    return {
      kind: 'refused',
      reason: SERVER_UNAVAILABLE,
      sentence: 'the authentication is out of order',
    }
  }
}
