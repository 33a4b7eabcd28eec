// A database of mosquitto → the changes that make a store of it, and what they amount to.

import { DEFAULT_LIMITS } from '../limits.ts'
import { makeMessage, type Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import { FilterShapes } from '../routing/filter-shapes.ts'
import { type Match, Router, withoutNoLocal } from '../routing/router.ts'
import type { Subscription } from '../routing/subscription.ts'
import { parseFilter } from '../routing/topic.ts'
import type { Change, Owner } from '../store/change.ts'
import { ownerKey } from '../store/owner.ts'
import { SearchCost } from './search-cost.ts'
import {
  type BaseMessage,
  type ClientMessage,
  type Database,
  type DatabaseClient,
  NEVER,
  STATES,
} from './database.ts'

/** What is imported, and what is not. */
export interface ImportCounts {
  sessions: number
  subscriptions: number
  retainedMessages: number
  queuedMessages: number
  /** Sent to a client that has not settled them. */
  inFlightToClients: number
  /** Messages of QoS 2 from clients, between PUBREC and PUBREL. */
  inFlightFromClients: number
  expiredMessages: number
  expiredSessions: number
  /** Their clients were connected without a session that outlives it, or are bridges. */
  endedSessions: number
  /** Queued for sessions that are left out. */
  messagesOfEndedSessions: number
  /** They would make the search for a topic dear: more than this broker lets a client have. */
  dearSubscriptions: number
  /** Of which the file has no content. */
  missingMessages: number
}

/** Receives the changes. Those of one call belong to one commit. */
export type Commit = (changes: readonly Change[]) => void

/** A commit has about this many bytes of payloads, so that no import needs the memory for all of them twice. */
const COMMIT_BYTES = 4_194_304
const COMMIT_CHANGES = 8_192

/** Makes the changes for an empty store. `now`: what expired before is left out. */
export function importDatabase(database: Database, now: number, commit: Commit): ImportCounts {
  const importing = new Importing(database, now, commit)
  return importing.run()
}

class Importing {
  readonly counts: ImportCounts = noCounts()
  readonly #database: Database
  readonly #now: number
  readonly #commits: Commits
  readonly #router = new Router<Owner>(
    undefined,
    undefined,
    new FilterShapes(DEFAULT_LIMITS.filterShapesMax),
  )
  readonly #cost = new SearchCost(this.#router.shapes)
  readonly #owners = new Map<string, Owner>()
  #delivery = 0

  constructor(database: Database, now: number, commit: Commit) {
    this.#database = database
    this.#now = now
    this.#commits = new Commits(now, commit)
  }

  run(): ImportCounts {
    const { clients, retained } = this.#database
    for (const id of retained) this.#retain(id)
    const kept = [...clients.values()].filter(client => this.#isKept(client))
    for (const client of kept) this.#openSession(client)
    for (const client of kept) this.#receive(client)
    this.#commits.flush()
    return this.counts
  }

  #isKept({ expirySeconds, expiresAt, messages }: DatabaseClient): boolean {
    const { counts } = this
    const isExpired = expiresAt !== null && expiresAt <= this.#now
    if (expirySeconds !== 0 && !isExpired) return true
    if (isExpired) counts.expiredSessions += 1
    else counts.endedSessions += 1
    counts.messagesOfEndedSessions += messages.length
    return false
  }

  #retain(id: bigint): void {
    const message = this.#messageOf(id)
    if (message === null) return
    const sequence = this.#commits.store(id, { ...message, retain: true })
    this.#commits.record({ kind: 'retained-set', sequence, topic: message.topic })
    this.counts.retainedMessages += 1
  }

  #openSession(client: DatabaseClient): void {
    const { clientId, username, expirySeconds, expiresAt, subscriptions, messages } = client
    const { counts } = this
    this.#commits.record({ kind: 'session-opened', clientId, expiryIntervalSeconds: expirySeconds })
    if (username !== null) {
      const identity = { clientId, username, address: '', authentication: 'password' }
      this.#commits.record({ kind: 'identified', clientId, identity })
    }
    const endsAt = expirySeconds === NEVER ? Infinity : expiresAt
    if (endsAt !== null) this.#commits.record({ kind: 'session-left', clientId, expiresAt: endsAt })
    for (const found of subscriptions.values()) {
      const parsed = parseFilter(found.filter)
      if (parsed === null) continue
      const subscription: Subscription = { ...found, ...parsed }
      if (!this.#cost.takes(clientId, subscription)) {
        counts.dearSubscriptions += 1
        continue
      }
      this.#commits.record({ kind: 'subscribed', clientId, subscription })
      this.#router.subscribe(this.#same(ownerOf(clientId, subscription)), subscription, clientId)
      counts.subscriptions += 1
    }
    counts.sessions += 1
    const inFlight = new Set<number>()
    for (const message of messages) {
      if (!message.isIncoming) this.#deliver(clientId, message, inFlight)
    }
  }

  /** Returns the one object for this owner: the router tells targets apart by their identity. */
  #same(owner: Owner): Owner {
    const key = ownerKey(owner)
    const known = this.#owners.get(key) ?? owner
    this.#owners.set(key, known)
    return known
  }

  /** `inFlight`: the packet identifiers that this client has already. A damaged file may have one twice. */
  #deliver(
    clientId: string,
    { messageId, packetId, ...delivery }: ClientMessage,
    inFlight: Set<number>,
  ): void {
    const { qos, state } = delivery
    const isReceived = state === STATES.waitForPubcomp || state === STATES.resendPubrel
    const isSent = state === STATES.waitForPuback || state === STATES.waitForPubrec || isReceived
    const isInFlight = isSent && qos > 0 && packetId !== 0 && !inFlight.has(packetId)
    // What was sent goes on, expired or not: the client may wait for PUBREL, and would take the next message for a repeated one.
    const message = this.#messageOf(messageId, isInFlight ? -Infinity : this.#now)
    if (message === null) return
    const number = this.#queue(
      { kind: 'session', clientId },
      this.#commits.store(messageId, message),
      {
        ...delivery,
        packetId: isInFlight ? packetId : 0,
      },
    )
    if (isInFlight) {
      inFlight.add(packetId)
      this.counts.inFlightToClients += 1
    } else this.counts.queuedMessages += 1
    if (isInFlight && isReceived)
      this.#commits.record({ kind: 'received', delivery: number, clientId })
  }

  /**
   * A message between PUBREC and PUBREL: its packet identifier stays in use, so that the client's PUBREL is answered and a repeated PUBLISH
   * is not a second message. It is published now, because here a message is published when it arrives.
   */
  #receive({ clientId, messages }: DatabaseClient): void {
    for (const { isIncoming, qos, packetId, messageId } of messages) {
      if (!isIncoming || qos !== 2 || packetId === 0) continue
      this.#commits.record({ kind: 'incoming-opened', clientId, packetId })
      this.counts.inFlightFromClients += 1
      const message = this.#messageOf(messageId)
      if (message !== null) this.#publish(messageId, message, clientId)
    }
  }

  #publish(id: bigint, message: BaseMessage, publisher: string): void {
    if (message.retain && message.payload.length === 0) {
      this.#commits.record({ kind: 'retained-cleared', topic: message.topic })
    } else if (message.retain) {
      const sequence = this.#commits.store(id, message)
      this.#commits.record({ kind: 'retained-set', sequence, topic: message.topic })
    }
    for (const found of this.#router.match(message.topic)) {
      const { target } = found
      const isOwn = target.kind === 'session' && target.clientId === publisher
      const match = isOwn && found.noLocal ? withoutNoLocal(found) : found
      if (match === null) continue
      const options = target.kind === 'group' ? inGroup(message) : inSession(match, message)
      if (options.qos > 0) this.#queue(target, this.#commits.store(id, message), options)
    }
  }

  /** Returns the number of the delivery. */
  #queue(owner: Owner, sequence: number, options: DeliveryOptions): number {
    this.#delivery += 1
    const { qos, retain, identifiers, packetId } = options
    const delivery = this.#delivery
    this.#commits.record({
      kind: 'queued',
      delivery,
      owner,
      sequence,
      qos,
      retain,
      identifiers,
      packetId,
    })
    return delivery
  }

  /** Returns null for a message that has expired, or is not in the file. */
  #messageOf(id: bigint, now = this.#now): BaseMessage | null {
    const message = this.#database.messages.get(id)
    if (message === undefined) this.counts.missingMessages += 1
    else if (message.expiresAt <= now) this.counts.expiredMessages += 1
    else return message
    return null
  }
}

/** Collects changes for commits of a bounded size. */
class Commits {
  readonly #now: number
  readonly #commit: Commit
  #changes: Change[] = []
  #bytes = 0
  /** The sequences of the messages that are stored in this commit: only there may other changes refer to them. */
  readonly #stored = new Map<bigint, number>()
  #sequence = 0

  constructor(now: number, commit: Commit) {
    this.#now = now
    this.#commit = commit
  }

  record(change: Change): void {
    this.#changes.push(change)
  }

  /** Stores the message in this commit, unless it is there. Returns its sequence, for the changes that follow at once. */
  store(id: bigint, base: BaseMessage): number {
    const isFull = this.#bytes > COMMIT_BYTES || this.#changes.length > COMMIT_CHANGES
    if (isFull) this.flush()
    const known = this.#stored.get(id)
    if (known !== undefined) return known
    const { topic, publisher, expiresAt } = base
    const numbers = { now: this.#now, nextSequence: () => (this.#sequence += 1) }
    const message: Message = { ...makeMessage(base, topic, publisher, numbers), expiresAt }
    this.record({ kind: 'message-stored', message })
    this.#stored.set(id, message.sequence)
    this.#bytes += base.payload.length
    return message.sequence
  }

  flush(): void {
    if (this.#changes.length > 0) this.#commit(this.#changes)
    this.#changes = []
    this.#stored.clear()
    this.#bytes = 0
  }
}

/** The members of a share group are one target. */
function ownerOf(clientId: string, { shareName, topicFilter }: Subscription): Owner {
  if (shareName === null) return { kind: 'session', clientId }
  return { kind: 'group', shareName, topicFilter }
}

type DeliveryOptions = Pick<ClientMessage, 'qos' | 'retain' | 'identifiers' | 'packetId'>

function inSession(match: Match<unknown>, message: BaseMessage): DeliveryOptions {
  const qos: QoS = match.qos < message.qos ? match.qos : message.qos
  const retain = message.retain && match.retainAsPublished
  return { qos, retain, identifiers: match.identifiers, packetId: 0 }
}

/** The member that gets it decides on the rest. */
function inGroup({ qos, retain }: BaseMessage): DeliveryOptions {
  return { qos, retain, identifiers: [], packetId: 0 }
}

function noCounts(): ImportCounts {
  return {
    sessions: 0,
    subscriptions: 0,
    retainedMessages: 0,
    queuedMessages: 0,
    inFlightToClients: 0,
    inFlightFromClients: 0,
    expiredMessages: 0,
    expiredSessions: 0,
    endedSessions: 0,
    messagesOfEndedSessions: 0,
    dearSubscriptions: 0,
    missingMessages: 0,
  }
}
