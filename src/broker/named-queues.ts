// All named queues by name, with their filters in the router, and the consumers that wait for a queue of a name.

import type { Identity } from '../access/identity.ts'
import type { Router } from '../routing/router.ts'
import {
  isQueueName,
  queueInFilter,
  queueTopic,
  stemOf,
  TRANSACTIONAL,
} from '../routing/queue-filter.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import { NamedQueue } from '../session/named-queue/named-queue.ts'
import type { QueueHost } from '../session/named-queue/queue-host.ts'
import {
  changedSettings,
  QUEUE_DEFAULTS,
  queueDefaults,
  type QueueSettings,
} from '../routing/queue-settings.ts'
import type { Session } from '../session/session.ts'
import type { SessionContext } from '../session/session-context.ts'
import type { Target } from '../session/target.ts'
import type { StoredQueue } from '../store/store.ts'
import type { Expressions } from './expressions.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import { leavesElsewhere, type Peers, type QueueElsewhere } from './peers.ts'
import { type Maker, type QueueRecord, readRecord, writtenRecord } from './queue-record.ts'

export interface QueuesSettings {
  /** Whether a SUBSCRIBE may make a queue. */
  readonly create: 'subscribers' | 'operators'
  /** The largest bounds of a queue that a subscriber made. */
  readonly created: { readonly messagesMax: number; readonly bytesMax: number }
  /** The queues of the configuration: what is set of each. */
  readonly named: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  readonly random: () => number
}

interface QueuesContext extends SessionContext {
  readonly deadlines: Deadlines
  mayConsume(session: Session, filters: readonly string[]): boolean
  /** Whether any of the queues refuses messages when it is full. */
  queuesRefuse(isRefusing: boolean): void
  readonly expressions: Expressions
  /** Null unless this broker is one of several partitions. */
  readonly peers: Peers | null
}

function filteredSubscription(filter: string, where: string): Subscription {
  const whole = wholeSubscription(filter)
  return where === '' ? whole : { ...whole, where }
}

const OF_ANOTHER = 'the queue is of another partition'
const NO_NAME =
  'the name of a queue has 1 to 64 letters, digits, _, . and -, and perhaps .dead behind them'
/** Settings that a SUBSCRIBE does not set: a filter of the queue is in its own. */
const OF_OPERATORS = ['filters', 'deadLetter']
/** Characters of a record in one unit of work, as a power of two: a filter may have 65,535, and each SUBSCRIBE and UNSUBSCRIBE may write it. */
const CHARACTERS_PER_UNIT_BITS = 5

class Entry implements Deadline {
  readonly queue: NamedQueue
  maker: Maker
  /** Since when it has had no subscription, in milliseconds; null while it has one. */
  idleSince: number | null
  place: Deadline['place'] = undefined
  readonly idleness: Deadline

  constructor(queue: NamedQueue, { maker, idleSince }: QueueRecord, ends: () => void) {
    this.queue = queue
    this.maker = maker
    this.idleSince = idleSince
    this.idleness = { expired: ends, place: undefined }
  }

  expired(now: number): void {
    this.queue.due(now)
  }
}

// Wide on purpose: what subscribers, operators, the store and the queues themselves may do to a queue meets here.
export class NamedQueues implements QueueHost {
  readonly settings: QueuesSettings
  /** Queues that ended because nobody had subscribed for long. */
  expired = 0
  /** How many of them refuse messages when they are full. */
  #refusing = 0
  readonly #entries = new Map<string, Entry>()
  readonly #waiting = new Map<string, Map<Session, Subscription>>()
  /** By user: the queues that it has made, without `.dead`, with how many of the two there are. */
  readonly #made = new Map<string, Map<string, number>>()
  readonly #router: Router<Target>
  readonly #context: QueuesContext

  constructor(router: Router<Target>, settings: QueuesSettings, context: QueuesContext) {
    this.#router = router
    this.settings = settings
    this.#context = context
  }

  get count(): number {
    return this.#entries.size
  }

  get random(): () => number {
    return this.settings.random
  }

  get all(): readonly NamedQueue[] {
    return Array.from(this.#entries.values(), ({ queue }) => queue)
  }

  get(name: string): NamedQueue | null {
    return this.#entries.get(name)?.queue ?? null
  }

  /** The queue of this name, if another partition keeps it. */
  elsewhere(name: string): QueueElsewhere | null {
    return this.#context.peers?.queueElsewhere(name) ?? null
  }

  /** What the queue takes in, wherever it is; null if there is none. */
  filtersOf(name: string): readonly string[] | null {
    return this.get(name)?.settings.filters ?? this.elsewhere(name)?.filters ?? null
  }

  makerOf(name: string): Maker | null {
    return this.#entries.get(name)?.maker ?? null
  }

  /** How many queues the user has made by subscribing. One and that of its dead letters are one. */
  madeBy(user: string): number {
    return this.#made.get(user)?.size ?? 0
  }

  /** Makes a queue. There must be none of this name. */
  create(name: string, settings: QueueSettings, maker: Maker): NamedQueue {
    const idleSince = maker.kind === 'subscriber' ? this.#context.now : null
    const entry = this.#add(name, { settings, maker, idleSince })
    this.#keep(entry)
    this.#setIdle(entry, idleSince)
    this.#admitWaiting(entry)
    return entry.queue
  }

  /** Changes a queue, which must not be busy. */
  set(name: string, settings: QueueSettings): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    const { queue } = entry
    const before = queue.settings
    for (const filter of before.filters) this.#unsubscribe(queue, filter, before)
    this.#refuses(before, -1)
    queue.set(settings)
    for (const filter of settings.filters) this.#subscribe(queue, filter, settings.where)
    this.#refuses(settings, 1)
    this.#keep(entry)
    this.#reviewConsumers(entry)
    this.#setIdle(entry, entry.idleSince)
  }

  /** An operator makes the queue, or changes it, which must not be busy: it is the operator's from then on. Returns what is wrong, or null. */
  setByOperator(name: string, changes: Readonly<Record<string, unknown>>): string | null {
    if (!isQueueName(name)) return NO_NAME
    if (this.elsewhere(name) !== null) return OF_ANOTHER
    const entry = this.#entries.get(name)
    const settings = changedSettings(name, entry?.queue.settings ?? queueDefaults(name), changes)
    if (typeof settings === 'string') return settings
    if (settings.deadLetter !== '' && this.elsewhere(settings.deadLetter) !== null) {
      return `deadLetter: ${OF_ANOTHER}`
    }
    const fault = this.#whereFault(settings)
    if (fault !== null) return fault
    if (entry === undefined) {
      this.create(name, settings, { kind: 'operator' })
      return null
    }
    this.#countMade(name, entry.maker, -1)
    entry.maker = { kind: 'operator' }
    entry.idleSince = null
    this.#context.deadlines.clear(entry.idleness)
    this.set(name, settings)
    return null
  }

  /** Deletes a queue. Its consumers wait for a new one. */
  delete(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    const { queue } = entry
    for (const { session, subscription } of queue.consumers.subscribed) {
      this.#waitFor(name, session, subscription)
    }
    queue.end()
    this.#entries.delete(name)
    this.#countMade(name, entry.maker, -1)
    for (const filter of [queueTopic(name), ...queue.settings.filters]) {
      this.#unsubscribe(queue, filter, queue.settings)
    }
    this.#refuses(queue.settings, -1)
    this.#context.deadlines.clear(entry)
    this.#context.deadlines.clear(entry.idleness)
  }

  /** Makes the queue that a SUBSCRIBE names with a filter, if there is none. Admission has allowed it. */
  createFor(
    session: Session,
    { filter }: Subscription,
    wishes: Readonly<Record<string, string>>,
  ): void {
    const asked = queueInFilter(filter)
    if (asked === null || asked.topicFilter === null || this.#entries.has(asked.name)) return
    const settings = this.wishedSettings(asked.name, asked.topicFilter, wishes)
    const maker = { kind: 'subscriber', user: userOf(session.rights.identity) } as const
    if (typeof settings !== 'string') this.create(asked.name, settings, maker)
  }

  /** The session consumes, or waits for a queue of this name. */
  join(session: Session, subscription: Subscription): void {
    const name = subscription.queue ?? ''
    const elsewhere = this.elsewhere(name)
    if (elsewhere !== null) {
      elsewhere.join(session, subscription)
      return
    }
    const entry = this.#entries.get(name)
    if (entry === undefined || !this.#mayConsume(entry.queue, session)) {
      this.#waitFor(name, session, subscription)
      return
    }
    entry.queue.join(session, subscription)
    this.#setIdle(entry, null)
  }

  /** One subscription of the session to a queue has ended; it may have another to the same queue. */
  leave(session: Session, { queue: name = '', filter }: Subscription): void {
    const elsewhere = this.elsewhere(name)
    if (elsewhere !== null) {
      leavesElsewhere(elsewhere, session, name, filter)
      return
    }
    const queue = this.get(name)
    const others = [
      queueTopic(name),
      ...(queue?.settings.filters ?? []).map(each => `${queueTopic(name)}/${each}`),
    ]
    for (const each of others) {
      const other = each === filter ? undefined : session.subscriptions.get(each)
      if (other === undefined) continue
      if (queue?.consumers.get(session.clientId) !== undefined) queue.join(session, other)
      return
    }
    this.left(session, name)
  }

  /** The session consumes from the queue no more. */
  left(session: Session, name: string): void {
    const waiting = this.#waiting.get(name)
    waiting?.delete(session)
    if (waiting?.size === 0) this.#waiting.delete(name)
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    entry.queue.leave(session)
    if (entry.queue.consumers.count === 0 && entry.idleSince === null) {
      this.#setIdle(entry, this.#context.now)
    }
  }

  /** Returns the settings of a queue that a subscriber makes, or what is wrong with its wishes. */
  wishedSettings(
    name: string,
    filter: string,
    wishes: Readonly<Record<string, string>>,
  ): QueueSettings | string {
    const { messagesMax, bytesMax } = this.settings.created
    // That of the consumer, not of the queue.
    const { [TRANSACTIONAL]: _transactional, ...wished } = wishes
    if (wished['overflow'] === 'refuse') return 'only operators let a queue refuse'
    const forbidden = OF_OPERATORS.find(each => wished[each] !== undefined)
    if (forbidden !== undefined) return `only operators set ${forbidden} of a queue`
    const settings = changedSettings(name, queueDefaults(name), { ...wished, filters: [filter] })
    if (typeof settings === 'string') return settings
    const fault = this.#whereFault(settings)
    if (fault !== null) return fault
    return {
      ...settings,
      messagesMax: Math.min(settings.messagesMax, messagesMax),
      bytesMax: Math.min(settings.bytesMax, bytesMax),
      idleExpirySeconds: Math.min(settings.idleExpirySeconds, QUEUE_DEFAULTS.idleExpirySeconds),
    }
  }

  /** That of a queue that a subscriber made is made by the same, so that it ends as well. */
  deadLettersOf({ name: from, settings }: NamedQueue): NamedQueue | null {
    const { deadLetter: name } = settings
    // What is of another partition is refused; a configuration may name it all the same.
    if (name === '' || this.elsewhere(name) !== null) return null
    const maker = this.makerOf(from)
    const heir = maker?.kind === 'subscriber' ? maker : ({ kind: 'dead-letters' } as const)
    return this.get(name) ?? this.create(name, queueDefaults(name), heir)
  }

  wakeAt(queue: NamedQueue, at: number): void {
    const entry = this.#entries.get(queue.name)
    if (entry?.queue === queue) this.#context.deadlines.set(entry, at)
  }

  /** Restores a queue from the store, before its consumers come. Its messages come later. */
  restore({ name, settings }: StoredQueue): void {
    this.#add(name, readRecord(name, settings))
  }

  /** After a start: makes the queues of the configuration as they are there, and continues to wait for subscribers. */
  restored(): void {
    for (const [name, changes] of this.settings.named) {
      const settings = changedSettings(name, queueDefaults(name), changes)
      if (typeof settings === 'string' || this.elsewhere(name) !== null) continue
      if (!this.#entries.has(name)) this.create(name, settings, { kind: 'operator' })
      else if (JSON.stringify(this.get(name)?.settings) !== JSON.stringify(settings)) {
        this.set(name, settings)
      }
    }
    for (const entry of this.#entries.values()) {
      const { consumers } = entry.queue
      this.#setIdle(entry, consumers.count > 0 ? null : (entry.idleSince ?? this.#context.now))
      entry.queue.pump()
    }
  }

  #add(name: string, record: QueueRecord): Entry {
    const queue = new NamedQueue(name, record.settings, this.#context, this)
    const entry = new Entry(queue, record, () => {
      this.expired += 1
      this.delete(name)
    })
    this.#entries.set(name, entry)
    this.#countMade(name, record.maker, 1)
    queue.counts.ages.came(0, this.#context.now)
    this.#subscribe(queue, queueTopic(name), '')
    for (const filter of record.settings.filters) {
      this.#subscribe(queue, filter, record.settings.where)
    }
    this.#refuses(record.settings, 1)
    return entry
  }

  #subscribe(queue: NamedQueue, filter: string, where: string): void {
    const { expressions } = this.#context
    this.#router.subscribe(queue, expressions.routed(filteredSubscription(filter, where)))
  }

  #unsubscribe(queue: NamedQueue, filter: string, { where }: QueueSettings): void {
    this.#router.unsubscribe(queue, filter)
    // What is published to the queue itself is not asked about.
    if (filter === queueTopic(queue.name)) return
    this.#context.expressions.released(filteredSubscription(filter, where))
  }

  /** Returns why a queue cannot have the expression, or null. */
  #whereFault({ where }: QueueSettings): string | null {
    const { expressions } = this.#context
    if (where === '' || expressions.has(where)) return null
    if (!expressions.hasRoomFor(where)) {
      return 'where: no room for another expression (limits.expressionsMax)'
    }
    return expressions.faultOf(where)
  }

  #countMade(name: string, maker: Maker, by: 1 | -1): void {
    if (maker.kind !== 'subscriber') return
    const made = this.#made.get(maker.user) ?? new Map<string, number>()
    const stem = stemOf(name)
    const count = (made.get(stem) ?? 0) + by
    if (count > 0) made.set(stem, count)
    else made.delete(stem)
    if (made.size > 0) this.#made.set(maker.user, made)
    else this.#made.delete(maker.user)
  }

  #refuses({ overflow }: QueueSettings, by: 1 | -1): void {
    if (overflow !== 'refuse') return
    this.#refusing += by
    this.#context.queuesRefuse(this.#refusing > 0)
  }

  #keep({ queue, maker, idleSince }: Entry): void {
    if (!queue.isDurable) return
    const { name, settings } = queue
    const written = writtenRecord({ settings, maker, idleSince })
    this.#context.turnWorkLeft -= written.length >> CHARACTERS_PER_UNIT_BITS
    this.#context.journal.record({ kind: 'queue-set', name, settings: written })
  }

  /** A queue that a subscriber made ends after it had no subscription for long. */
  #setIdle(entry: Entry, idleSince: number | null): void {
    if (entry.maker.kind !== 'subscriber') return
    const isChanged = entry.idleSince !== idleSince
    entry.idleSince = idleSince
    const { idleExpirySeconds } = entry.queue.settings
    const at = idleSince === null ? Infinity : idleSince + idleExpirySeconds * 1_000
    this.#context.deadlines.set(entry.idleness, at)
    if (isChanged) this.#keep(entry)
  }

  #waitFor(name: string, session: Session, subscription: Subscription): void {
    const waiting = this.#waiting.get(name) ?? new Map<Session, Subscription>()
    waiting.set(session, subscription)
    this.#waiting.set(name, waiting)
  }

  #admitWaiting(entry: Entry): void {
    const { queue } = entry
    const waiting = this.#waiting.get(queue.name)
    for (const [session, subscription] of waiting ?? []) {
      if (!this.#mayConsume(queue, session)) continue
      waiting?.delete(session)
      queue.join(session, subscription)
      session.pump()
      this.#setIdle(entry, null)
    }
    if (waiting?.size === 0) this.#waiting.delete(queue.name)
  }

  /** Its filters have changed: some consumers may have no right to the new ones, others have it now. */
  #reviewConsumers(entry: Entry): void {
    const { queue } = entry
    for (const { session, subscription } of queue.consumers.subscribed) {
      if (this.#mayConsume(queue, session)) continue
      queue.leave(session)
      this.#waitFor(queue.name, session, subscription)
    }
    this.#admitWaiting(entry)
  }

  #mayConsume({ name, settings }: NamedQueue, session: Session): boolean {
    return this.#context.mayConsume(session, [queueTopic(name), ...settings.filters])
  }
}

/** Who is counted for a queue: the user, or the address of a client without one. */
export function userOf({ username, address }: Identity): string {
  return username ?? address
}
