// What must hold of named queues. Consumers say what they received and answered; the store says what is on disk; the broker says what it
// hands out and when, which tells of hand-outs that were lost on a wire.

import type { Message } from '../src/message.ts'
import type { PublishPacket } from '../src/packet/packet.ts'
import type { ClientConnection } from './client-connection.ts'
import { mayBeReplaced } from './delays.ts'
import type { EventQueue } from './event-queue.ts'
import { type History, idIn, isAccepted, isPublishedLater, type Publication } from './history.ts'
import { cameBefore, expiryOf, isOfAnyKey, keyIn, markOf, takesIn } from './queue-terms.ts'
import type { QueuesOfWorld, SimQueueSettings } from './queue-settings.ts'
import { StoredQueues } from './stored-queues.ts'

/** A message as one consumer received it. */
export interface HandOut {
  readonly queue: string
  readonly publication: Publication
  readonly clientId: string
  readonly connection: ClientConnection
  readonly at: number
  readonly atMs: number
  answer: 'acknowledged' | 'refused' | null
  answeredAt: number
  /** It came so late that its deadline may have passed: it may have settled nothing. */
  isLate: boolean
}

interface DeadLetter {
  readonly reason: string
  readonly atMs: number
}

interface Consumer {
  readonly clientId: string
  readonly queue: string
  readonly qos: 0 | 1
}

const DEAD = '.dead'
/** The longest time from a hand-out to its receipt on a wire that was always read. */
const TRANSIT_MS = 4_000
/** The same on a wire that was not read for a while. */
const UNDER_WAY_MS = 30_000

export class QueueOracle {
  readonly stored = new StoredQueues()
  readonly #history: History
  readonly #events: EventQueue
  readonly #terms: QueuesOfWorld
  readonly #settings: ReadonlyMap<string, SimQueueSettings>
  readonly #consumers = new Map<string, Consumer>()
  /** When messages, by queue and id, were sent to a consumer at QoS 0. */
  readonly #sentOnce = new Map<string, number>()
  /** Until when each queue was deleted last. */
  readonly #deletedAt = new Map<string, number>()
  readonly #arrived: HandOut[] = []
  /** When the broker died last, in milliseconds. */
  #diedAtMs = -Infinity
  /** How often the broker has handed out each message, by queue and id. */
  readonly #handedOut = new Map<string, number>()
  /** The messages, by queue and id, that it has handed out since it started. */
  readonly #handedOutSinceStart = new Set<string>()
  /** Messages, by queue and id, of which an acknowledgement is on disk. */
  readonly #settled = new Set<string>()
  readonly #dead = new Map<string, DeadLetter[]>()

  constructor(history: History, events: EventQueue, terms: QueuesOfWorld) {
    this.#history = history
    this.#events = events
    this.#terms = terms
    this.#settings = terms.named
  }

  /** How many of consumers, and of readers of dead letters, arrived. */
  get handOuts(): number {
    return this.#arrived.length
  }

  get deadLetters(): number {
    let count = 0
    for (const letters of this.#dead.values()) count += letters.length
    return count
  }

  joins(consumer: Consumer): void {
    this.#consumers.set(consumer.clientId, consumer)
  }

  /** An operator has deleted the queue: what was there may be lost. */
  deleted(queue: string): void {
    this.#deletedAt.set(queue, this.#events.count)
  }

  /** The broker has died. */
  died(): void {
    this.stored.died()
    this.#handedOutSinceStart.clear()
    this.#diedAtMs = this.#events.now
  }

  // What the broker says.

  handedOut(clientId: string, message: Message): void {
    const consumer = this.#consumers.get(clientId)
    if (consumer === undefined || message.payload.length === 0) return
    const { queue, qos } = consumer
    const id = idIn(message.payload)
    const key = `${queue} ${id}`
    if (qos === 0 && !this.#sentOnce.has(key)) this.#sentOnce.set(key, this.#events.count)
    const stored = this.stored.find(queue, message.sequence, id)
    const before = this.#handedOut.get(key) ?? 0
    this.#handedOut.set(key, before + 1)
    this.#handedOutSinceStart.add(key)
    const what = `${id} of ${queue} is handed out to ${clientId}`
    if (stored?.isSettled === true) this.#violation(`${what}: on disk it is settled`)
    if (this.#isSettled(queue, id) && this.#isOnce(id)) {
      this.#violation(`${what}: it was acknowledged, and the broker had the time to store that`)
    }
    if (queue.endsWith(DEAD)) return
    this.#checkLatest(queue, id, what)
    const count = Number(markOf(message, 'delivery-count') ?? 1)
    if (count > before + 1 && this.#isCounted)
      this.#violation(`${what} for the ${count}th time after ${before}`)
    if (stored !== null && count <= stored.handOuts) {
      this.#violation(`${what} for the ${count}th time: on disk are ${stored.handOuts}`)
    }
    if (count > (this.#settings.get(queue)?.deliveriesMax ?? 0)) {
      this.#violation(`${what} for the ${count}th time, which is too often`)
    }
  }

  /**
   * With `latestByKey`: no newer one of its key has arrived at a consumer. After a crash that lost the acknowledgement of the older one it
   * comes again, and then the newer one.
   */
  #checkLatest(queue: string, id: string, what: string): void {
    const settings = this.#settings.get(queue)
    const publication = this.#history.publications.get(id)
    if (settings?.latestByKey !== true || publication === undefined || !this.#isInOrder) return
    const key = keyIn(settings, publication)
    if (key === null || publication.qos === 0 || !this.#isOnce(id)) return
    const newer = this.#arrived.find(
      each =>
        each.queue === queue &&
        this.#cameBefore(publication, each.publication) &&
        keyIn(settings, each.publication) === key &&
        (this.#handedOutSinceStart.has(`${queue} ${each.publication.id}`) ||
          this.#isSettled(queue, each.publication.id)),
    )
    if (newer !== undefined) this.#violation(`${what} after the newer ${newer.publication.id}`)
  }

  /** Whether a newer one of its key, which came later, may have replaced it. */
  #mayBeReplaced(settings: SimQueueSettings, queue: string, publication: Publication): boolean {
    const isChanged = this.#terms.operation === 'set'
    const key = settings.latestByKey ? keyIn(settings, publication) : null
    if (key === null && !isChanged) return false
    return [...this.#history.publications.values()].some(
      each =>
        each !== publication &&
        // What its client sends again at QoS 1 comes once more, behind it.
        (!this.#cameBefore(each, publication) || !this.#isOnce(each.id)) &&
        // An empty payload does not say which publication it is of.
        (each.payload.length === 0 || this.stored.mayHave(queue, each.id)) &&
        (isChanged ? isOfAnyKey(each, publication) : keyIn(settings, each) === key),
    )
  }

  // What consumers say.

  received(
    { clientId, queue, qos }: Consumer,
    connection: ClientConnection,
    packet: PublishPacket,
  ): HandOut | null {
    const { payload } = packet
    const what = `${clientId} received ${idIn(payload)} of ${queue}`
    if (packet.duplicate) this.#violation(`${what} with DUP`)
    if (packet.qos !== qos || packet.retain) this.#violation(`${what} at QoS ${packet.qos}`)
    if (payload.length === 0) return null
    const publication = this.#history.publications.get(idIn(payload))
    if (publication === undefined) {
      this.#violation(`${what}, which nobody published`)
      return null
    }
    const isWhole = payload.equals(publication.payload) && packet.topic === publication.topic
    if (!isWhole) this.#violation(`${what} altered`)
    const handOut: HandOut = {
      ...{ queue, publication, clientId, connection, answeredAt: Infinity },
      answer: qos === 0 ? 'acknowledged' : null,
      at: this.#events.count,
      atMs: this.#events.now,
      isLate: false,
    }
    if (queue.endsWith(DEAD)) this.#checkDead(handOut, packet)
    else this.#checkHandOut(handOut)
    this.#arrived.push(handOut)
    return handOut
  }

  answered(handOut: HandOut, isAcknowledged: boolean): void {
    const deadlineMs = (this.#settings.get(handOut.queue)?.ackDeadlineSeconds ?? 0) * 1_000
    handOut.answer = isAcknowledged ? 'acknowledged' : 'refused'
    handOut.answeredAt = this.#events.count
    const since = this.#events.now - handOut.atMs
    const hasFrozen = handOut.connection.wire.hasFrozen
    const { isOfPartitions } = this.#history
    const isSlow = hasFrozen || isOfPartitions || since > deadlineMs - TRANSIT_MS
    handOut.isLate = deadlineMs > 0 && isSlow
  }

  /** The broker has had the time to store its acknowledgement. */
  isStored({ queue, publication, isLate }: HandOut): void {
    if (!isLate) this.#settled.add(`${queue} ${publication.id}`)
  }

  #checkHandOut(handOut: HandOut): void {
    const { queue, publication, connection, clientId } = handOut
    const what = `${clientId} received ${publication.id} of ${queue}`
    if (!this.stored.mayHave(queue, publication.id)) this.#violation(`${what} before its commit`)
    const settings = this.#settings.get(queue)
    if (settings === undefined) return
    const isWanted = this.#isSwept || takesIn(queue, settings, publication)
    if (!isWanted) this.#violation(`${what}, which it does not want`)
    const key = keyIn(settings, publication)
    const handedOutAt = this.#handedOutAt(handOut)
    for (const other of this.#arrived) {
      if (other.queue !== queue || other.answer === 'refused') continue
      // A consumer of another partition keeps its connection when the queue starts anew, and may get then what it was sent before.
      const isOfThisStart = other.atMs > this.#diedAtMs + UNDER_WAY_MS
      if (this.#history.isOfPartitions && !isOfThisStart) continue
      const isSame = other.publication === publication && this.#isOnce(publication.id)
      if (isSame && other.connection === connection) this.#violation(`${what} there before`)
      const isBound =
        key !== null &&
        this.#isInOrder &&
        other.at < handedOutAt &&
        keyIn(settings, other.publication) === key
      if ((isSame || isBound) && isSurelyHeld(other, settings)) {
        this.#violation(`${what} while ${other.clientId} has ${other.publication.id}`)
      }
    }
  }

  /** At QoS 0 a message is over when it is sent: the next one may be sent at once, on a wire that is faster. */
  #handedOutAt({ queue, publication, at, answer }: HandOut): number {
    const isOver = answer === 'acknowledged'
    return (isOver ? this.#sentOnce.get(`${queue} ${publication.id}`) : undefined) ?? at
  }

  #checkDead(handOut: HandOut, { properties }: PublishPacket): void {
    const { publication, atMs } = handOut
    const { id } = publication
    const queue = markOf({ properties }, 'dead-letter-queue') ?? ''
    const reason = markOf({ properties }, 'dead-letter-reason') ?? ''
    const count = Number(markOf({ properties }, 'delivery-count'))
    const settings = this.#settings.get(queue)
    if (settings === undefined || handOut.queue !== queue + DEAD) {
      this.#violation(`the dead letter ${id} came from ${queue} to ${handOut.queue}`)
      return
    }
    const letters = this.#dead.get(`${queue} ${id}`) ?? []
    this.#dead.set(`${queue} ${id}`, [...letters, { reason, atMs }])
    if (letters.length > 0 && this.#isOnce(id)) this.#violation(`${id} is a dead letter again`)
    const isDue = atMs >= expiryOf(settings, publication)
    const isRight =
      reason === 'expired'
        ? isDue
        : reason === 'refused'
          ? count === settings.deliveriesMax && this.#wasRefused(queue, publication)
          : reason === 'deliveries'
            ? count === settings.deliveriesMax
            : reason === 'overflow' && settings.messagesMax < 1_000
    const most = this.#handedOut.get(`${queue} ${id}`) ?? 0
    if (!isRight || (count > most && this.#isCounted)) {
      const after = `after ${count} hand-outs, ${most} in fact`
      this.#violation(`${id} is a dead letter of ${queue}, ${reason} ${after}`)
    }
  }

  #wasRefused(queue: string, publication: Publication): boolean {
    if (!this.#isCounted) return true
    return this.#arrived.some(
      each => each.queue === queue && each.publication === publication && each.answer === 'refused',
    )
  }

  // What must be true in the end.

  judge(): void {
    for (const [queue, settings] of this.#settings) {
      const acknowledged = new Map<Publication, number>()
      for (const each of this.#arrived) {
        if (each.queue !== queue || each.answer !== 'acknowledged') continue
        const first = acknowledged.get(each.publication) ?? Infinity
        acknowledged.set(each.publication, Math.min(first, each.answeredAt))
      }
      for (const each of this.#history.publications.values()) {
        const at = this.#sentOnce.get(`${queue} ${each.id}`) ?? Infinity
        const first = acknowledged.get(each) ?? Infinity
        if (at < first) acknowledged.set(each, at)
      }
      const due = [...this.#history.publications.values()].filter(
        each =>
          each.qos > 0 &&
          each.payload.length > 0 &&
          isAccepted(each) &&
          !mayBeReplaced(this.#history, each) &&
          !this.#mayBeMissing(queue, settings, each) &&
          !this.#mayBeReplaced(settings, queue, each) &&
          takesIn(queue, settings, each),
      )
      for (const each of due) {
        if (acknowledged.has(each) || this.#dead.has(`${queue} ${each.id}`)) continue
        if (this.#isSwept && this.#isElsewhere(queue, each)) continue
        this.#violation(`${each.id} of ${queue} is lost`)
      }
      if (settings.order !== 'parallel' && this.#isInOrder)
        this.#judgeOrder(queue, settings, due, acknowledged)
    }
  }

  /** When a message is handed out, all that came before it with its key are over. */
  #judgeOrder(
    queue: string,
    settings: SimQueueSettings,
    due: readonly Publication[],
    acknowledged: ReadonlyMap<Publication, number>,
  ): void {
    for (const handOut of this.#arrived) {
      const { publication, at, atMs, clientId } = handOut
      const key = handOut.queue === queue ? keyIn(settings, publication) : null
      if (key === null || publication.qos === 0 || isPublishedLater(publication)) continue
      const older = due.find(
        each =>
          this.#cameBefore(each, publication) &&
          !(each.attempts > 1 && this.#mayRefuse) &&
          keyIn(settings, each) === key &&
          (acknowledged.get(each) ?? Infinity) >= at &&
          !this.#mayBeDead(queue, each, settings, { at, atMs }),
      )
      if (older === undefined) continue
      this.#violation(
        `${clientId} received ${publication.id} of ${queue} before ${older.id} was over`,
      )
    }
  }

  /** A deleted queue has lost it, or a full one was passed by because it could not be refused. */
  #mayBeMissing(queue: string, settings: SimQueueSettings, publication: Publication): boolean {
    const deletedAt = this.#deletedAt.get(queue) ?? -1
    if (publication.sentAt <= deletedAt) return true
    const isLater = isPublishedLater(publication)
    if (this.#history.mayDropWills && publication.kind === 'will') return true
    return isLater && (deletedAt >= 0 || settings.overflow === 'refuse')
  }

  /** Whether the broker says of each hand-out that counts that it was sent: not of one that was too large. */
  get #isCounted(): boolean {
    return this.#terms.smallPackets === 0
  }

  /** Whether operators purge, move and redrive: then a message goes from queue to queue, and is in one of them. */
  get #isSwept(): boolean {
    return this.#terms.operation === 'sweep'
  }

  /** Whether it is over in another queue that it was moved to, or was purged. */
  #isElsewhere(queue: string, publication: Publication): boolean {
    const { id } = publication
    if (this.#history.purged.has(id)) return true
    const others = [...this.#settings.keys()].filter(each => each !== queue)
    return others.some(
      other =>
        this.#dead.has(`${other} ${id}`) ||
        this.#sentOnce.has(`${other} ${id}`) ||
        this.#arrived.some(
          each =>
            each.queue === other &&
            each.publication === publication &&
            each.answer === 'acknowledged',
        ),
    )
  }

  /** Whether an acknowledgement of it is on disk. */
  #isSettled(queue: string, id: string): boolean {
    if (!this.#isSwept) return this.#settled.has(`${queue} ${id}`)
    return [...this.#settings.keys()].some(each => this.#settled.has(`${each} ${id}`))
  }

  /** Whether a full queue may refuse a message. If the answer is lost, its publisher sends it again, behind later ones. */
  get #mayRefuse(): boolean {
    const settings = [...this.#settings.values()]
    return settings.some(each => each.overflow === 'refuse' && each.messagesMax < 1_000)
  }

  /** Whether each queue has the order of the settings all the time. */
  get #isInOrder(): boolean {
    return this.#terms.operation === 'none'
  }

  #mayBeDead(
    queue: string,
    publication: Publication,
    settings: SimQueueSettings,
    { at, atMs }: { readonly at: number; readonly atMs: number },
  ): boolean {
    const letters = this.#dead.get(`${queue} ${publication.id}`) ?? []
    return letters.some(({ reason }) => {
      if (reason === 'expired') return atMs >= expiryOf(settings, publication)
      if (reason !== 'refused' || !this.#isCounted) return true
      return this.#arrived.some(
        each => each.publication === publication && each.queue === queue && each.answeredAt < at,
      )
    })
  }

  /** Publishers of several partitions have no order among each other, and QoS 0 goes beside. */
  #cameBefore(older: Publication, newer: Publication): boolean {
    const isApart = older.publisher !== newer.publisher || older.qos === 0 || newer.qos === 0
    return !(this.#history.isOfPartitions && isApart) && cameBefore(older, newer)
  }

  /** Whether the broker has it at most once: the publisher did not send it again as another message. */
  #isOnce(id: string): boolean {
    const publication = this.#history.publications.get(id)
    if (publication === undefined || publication.kind === 'will') return false
    return publication.qos === 2 || publication.attempts === 1
  }

  #violation(sentence: string): void {
    this.#history.violation('queue', sentence)
  }
}

/** Whether its consumer has it and nobody else may get it. */
function isSurelyHeld(
  { answer, connection }: HandOut,
  { ackDeadlineSeconds }: SimQueueSettings,
): boolean {
  const { wire, isOver } = connection
  return (
    answer === null && !isOver && !wire.isBrokerClosed && !wire.isBroken && ackDeadlineSeconds === 0
  )
}
