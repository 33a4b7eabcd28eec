// Checks named queues, and what is delayed into them. Every acknowledged message is acknowledged by a consumer or is a dead letter. One consumer at a
// time has it, and of a key one message is with consumers, in order. Nothing comes after its settlement is on disk. Hand-outs are counted.

import type { AnsweredEvent, HandedEvent, LoggedEvent, PublishingEvent } from '../event.ts'
import { DEAD, FILLER, QUEUES } from '../queues.ts'
import type { FindingKind, Report } from './finding.ts'
import { QueueMarks } from './queue-marks.ts'
import { type QueuedMessage, queuedMessage } from './queued-message.ts'

interface Holding {
  readonly message: QueuedMessage
  readonly queue: string
  readonly life: number
  readonly atMs: number
  /** Null while there was no answer. */
  isAccepted: boolean | null
}

/** A consumer that has had a message for less than this has it still: its deadline is later, also on a busy machine. */
const SURELY_HELD_MS = 500
/** The broker's time is that of the beginning of its turn. */
const EARLY_MS = 50
/** In place of a life: the client has sent DISCONNECT. */
const GONE = -1

export class QueueCheck {
  accepted = 0
  handed = 0
  deadLetters = 0
  readonly #messages = new Map<string, QueuedMessage>()
  readonly #closed = new Map<string, number>()
  /** By client: what it was handed on its present connection. */
  readonly #holdings = new Map<string, Map<QueuedMessage, Holding>>()
  /** The life of the broker that each client is connected to. */
  readonly #lives = new Map<string, number>()
  readonly #marks = new QueueMarks()
  readonly #report: Report
  #life = 0

  constructor(report: Report) {
    this.#report = report
  }

  see(event: LoggedEvent, at: number, atMs: number): void {
    this.#marks.see(event)
    switch (event.kind) {
      case 'killed':
        // A client may be there again before the event log has `started`.
        this.#life += 1
        return
      case 'connecting':
        this.#lives.set(event.client, this.#life)
        return
      case 'disconnecting':
        // What was on its way to it is given to others at once.
        this.#lives.set(event.client, GONE)
        this.#holdings.delete(event.client)
        return
      case 'closed':
        this.#holdings.delete(event.client)
        return
      case 'publishing':
        return this.#publishing(event, atMs)
      case 'accepted':
        return this.#accepted(this.#messages.get(keyOf(event)))
      case 'resent':
        return this.#resent(this.#messages.get(keyOf(event)))
      case 'handed':
        return this.#handed(event, at, atMs)
      case 'answered':
        return this.#answered(event, at, atMs)
      case 'quiet':
        return this.#quiet()
      default:
    }
  }

  /** Returns the messages that no consumer has acknowledged and that are no dead letters. */
  missing(): readonly QueuedMessage[] {
    return [...this.#messages.values()].filter(
      ({ isAccepted, doneAt }) => isAccepted && doneAt === Infinity,
    )
  }

  #publishing(event: PublishingEvent, atMs: number): void {
    const message = event.publisher.startsWith(FILLER) ? queuedMessage(event, atMs) : null
    if (message !== null) this.#messages.set(keyOf(message), message)
  }

  #accepted(message: QueuedMessage | undefined): void {
    if (message === undefined || message.isAccepted) return
    message.isAccepted = true
    this.accepted += 1
  }

  #resent(message: QueuedMessage | undefined): void {
    // What QoS 2 brings twice is there once.
    if (message?.qos === 1) message.isOnce = false
  }

  #handed(event: HandedEvent, at: number, atMs: number): void {
    const { client, queue, publisher, sequence } = event
    const what = `${client} received ${keyOf(event)} of ${queue}`
    this.handed += 1
    const message = this.#messages.get(keyOf(event))
    if (message === undefined) {
      // A kill may have taken back what was acknowledged before the last check.
      if (sequence > (this.#closed.get(publisher) ?? 0))
        this.#report('unknown-message', `${what}, which was never sent`)
      return
    }
    this.#checkForm(event, message, what)
    if (atMs < message.dueAtMs - EARLY_MS) this.#report('early', `${what} before its time`)
    const life = this.#lives.get(client) ?? 0
    if (message.settled.has(queue)) this.#again(message, `${what}, whose settlement is on disk`)
    if (queue.endsWith(DEAD)) this.#dead(event, message, what)
    else {
      this.#checkHolders(event, message, what, { life, atMs })
      this.#count(event, message, what, life)
      if (message.isDead) this.#again(message, `${what}, which is a dead letter`)
      message.handedAt.push(at)
    }
    const held = this.#holdings.get(client) ?? new Map<QueuedMessage, Holding>()
    held.set(message, { message, queue, life, atMs, isAccepted: null })
    this.#holdings.set(client, held)
  }

  #checkForm(event: HandedEvent, message: QueuedMessage, what: string): void {
    const { queue, topic, isIntact, duplicate, qos } = event
    if (!isIntact || topic !== message.topic) this.#report('corrupt', `${what} altered`)
    if (queue !== message.queue && queue !== message.queue + DEAD)
      this.#report('corrupt', `${what}, and it went to ${message.queue}`)
    if (duplicate || qos !== 1) this.#report('corrupt', `${what} at QoS ${qos}, DUP ${duplicate}`)
  }

  /** Nobody else has it or one of its key, and nobody gets it twice on a connection. */
  #checkHolders(
    { client, queue }: HandedEvent,
    message: QueuedMessage,
    what: string,
    { life, atMs }: { readonly life: number; readonly atMs: number },
  ): void {
    for (const [holder, holdings] of this.#holdings) {
      for (const other of holdings.values()) {
        if (
          other.queue !== queue ||
          other.life !== life ||
          life === GONE ||
          other.isAccepted === false
        )
          continue
        const isSame = other.message === message && message.isOnce
        if (isSame && holder === client) this.#again(message, `${what} there before`)
        const isOfKey = message.key !== null && other.message.key === message.key
        const isHeld = other.isAccepted === null && atMs - other.atMs < SURELY_HELD_MS
        if (!isHeld || !(isSame || isOfKey)) continue
        const kind: FindingKind = isSame ? 'queue-again' : 'queue-order'
        this.#report(kind, `${what} while ${holder} has ${keyOf(other.message)}`)
      }
    }
  }

  #count({ client, count }: HandedEvent, message: QueuedMessage, what: string, life: number): void {
    const before = message.life === life ? message.count : message.storedCount
    const said = count ?? before + 1
    const isOld = said <= before && life !== GONE
    if (message.isOnce && (isOld || said > QUEUES[message.queue].deliveriesMax))
      this.#report('dead-letter', `${what} for the ${said}. time after ${before}`)
    // What was on its way to a client that has said DISCONNECT, it reads late: others may have had it since.
    if (life === GONE) return
    message.life = life
    message.count = said
    this.#marks.add(client, () => (message.storedCount = Math.max(message.storedCount, said)))
  }

  #dead({ queue, count, dead }: HandedEvent, message: QueuedMessage, what: string): void {
    this.deadLetters += 1
    const { deliveriesMax } = QUEUES[message.queue]
    const { reason } = dead ?? { reason: 'none' }
    const isRight =
      dead !== null &&
      queue === dead.queue + DEAD &&
      count === deliveriesMax &&
      (reason === 'deliveries' || (reason === 'refused' && message.wasRefused))
    if (!isRight) this.#report('dead-letter', `${what}, ${reason} after ${count} hand-outs`)
    message.isDead = true
    // It was over at some time behind its last hand-out.
    message.doneAt = Math.min(message.doneAt, message.handedAt.at(-1) ?? 0)
  }

  #answered({ client, isAccepted, ...id }: AnsweredEvent, at: number, atMs: number): void {
    const message = this.#messages.get(keyOf(id))
    const holding = message && this.#holdings.get(client)?.get(message)
    if (message === undefined || holding === undefined) return
    holding.isAccepted = isAccepted
    if (!isAccepted) {
      message.wasRefused = true
      return
    }
    const { queue } = holding
    if (!queue.endsWith(DEAD)) message.doneAt = Math.min(message.doneAt, at)
    // Behind its deadline it settles nothing.
    if (atMs - holding.atMs < SURELY_HELD_MS)
      this.#marks.add(client, () => message.settled.add(queue))
  }

  #again(message: QueuedMessage, sentence: string): void {
    if (message.isOnce) this.#report('queue-again', sentence)
  }

  #quiet(): void {
    for (const message of this.missing())
      this.#report(
        'queue-lost',
        `${keyOf(message)} was acknowledged and never came from ${message.queue}`,
      )
    this.#checkOrder()
    for (const { publisher, sequence } of this.#messages.values()) {
      this.#closed.set(publisher, Math.max(sequence, this.#closed.get(publisher) ?? 0))
    }
    this.#messages.clear()
    this.#holdings.clear()
  }

  /** When a message is handed out, all before it with its publisher and key are over. */
  #checkOrder(): void {
    const latest = new Map<string, QueuedMessage>()
    for (const message of this.#messages.values()) {
      const { publisher, queue, key, handedAt, isAccepted, dueAtMs } = message
      if (key === null || dueAtMs > 0) continue
      const stream = `${publisher} ${queue} ${key}`
      const older = latest.get(stream)
      if (older !== undefined && handedAt.some(at => at < older.doneAt)) {
        const words = `${keyOf(message)} came from ${queue}`
        this.#report('queue-order', `${words} before ${keyOf(older)} was over`)
      }
      if (isAccepted && (older === undefined || message.doneAt > older.doneAt))
        latest.set(stream, message)
    }
  }
}

function keyOf({ publisher, sequence }: { publisher: string; sequence: number }): string {
  return `${publisher}/${sequence}`
}
