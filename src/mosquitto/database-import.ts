// A database of mosquitto → the changes that make a store of it, and what they amount to.

import { makeMessage, type Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import { type Match, Router, withoutNoLocal } from '../routing/router.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Change } from '../store/change.ts'
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
  readonly #commit: Commit
  readonly #router = new Router<{ readonly clientId: string }>()
  #changes: Change[] = []
  #bytes = 0
  /** The sequences of the messages that are stored in this commit: only there may other changes refer to them. */
  readonly #stored = new Map<bigint, number>()
  #sequence = 0
  #delivery = 0

  constructor(database: Database, now: number, commit: Commit) {
    this.#database = database
    this.#now = now
    this.#commit = commit
  }

  run(): ImportCounts {
    const { clients, retained } = this.#database
    for (const id of retained) this.#retain(id)
    const kept = [...clients.values()].filter(client => this.#isKept(client))
    for (const client of kept) this.#openSession(client)
    for (const client of kept) this.#receive(client)
    this.#flush()
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
    const sequence = this.#store(id, { ...message, retain: true })
    this.#record({ kind: 'retained-set', sequence, topic: message.topic })
    this.counts.retainedMessages += 1
  }

  #openSession(client: DatabaseClient): void {
    const { clientId, username, expirySeconds, expiresAt, subscriptions, messages } = client
    const { counts } = this
    this.#record({ kind: 'session-opened', clientId, expiryIntervalSeconds: expirySeconds })
    if (username !== null) {
      const identity = { clientId, username, address: '', authentication: 'password' }
      this.#record({ kind: 'identified', clientId, identity })
    }
    const endsAt = expirySeconds === NEVER ? Infinity : expiresAt
    if (endsAt !== null) this.#record({ kind: 'session-left', clientId, expiresAt: endsAt })
    const target = { clientId }
    for (const found of subscriptions.values()) {
      const subscription: Subscription = { ...found, topicFilter: found.filter, shareName: null }
      this.#record({ kind: 'subscribed', clientId, subscription })
      this.#router.subscribe(target, subscription)
      counts.subscriptions += 1
    }
    counts.sessions += 1
    for (const message of messages) if (!message.isIncoming) this.#deliver(clientId, message)
  }

  #deliver(clientId: string, { messageId, packetId, ...delivery }: ClientMessage): void {
    const { qos, state } = delivery
    const message = this.#messageOf(messageId)
    if (message === null) return
    const isReceived = state === STATES.waitForPubcomp || state === STATES.resendPubrel
    const isSent = state === STATES.waitForPuback || state === STATES.waitForPubrec || isReceived
    const isInFlight = isSent && qos > 0 && packetId !== 0
    const number = this.#queue(clientId, this.#store(messageId, message), {
      ...delivery,
      packetId: isInFlight ? packetId : 0,
    })
    if (isInFlight) this.counts.inFlightToClients += 1
    else this.counts.queuedMessages += 1
    if (isInFlight && isReceived) this.#record({ kind: 'received', delivery: number, clientId })
  }

  /**
   * A message between PUBREC and PUBREL: its packet identifier stays in use, so that the client's PUBREL is answered and a repeated PUBLISH
   * is not a second message. It is published now, because here a message is published when it arrives.
   */
  #receive({ clientId, messages }: DatabaseClient): void {
    for (const { isIncoming, qos, packetId, messageId } of messages) {
      if (!isIncoming || qos !== 2 || packetId === 0) continue
      this.#record({ kind: 'incoming-opened', clientId, packetId })
      this.counts.inFlightFromClients += 1
      const message = this.#messageOf(messageId)
      if (message !== null) this.#publish(messageId, message, clientId)
    }
  }

  #publish(id: bigint, message: BaseMessage, publisher: string): void {
    if (message.retain && message.payload.length === 0) {
      this.#record({ kind: 'retained-cleared', topic: message.topic })
    } else if (message.retain) {
      const sequence = this.#store(id, message)
      this.#record({ kind: 'retained-set', sequence, topic: message.topic })
    }
    for (const found of this.#router.match(message.topic)) {
      const { target } = found
      const match = target.clientId === publisher && found.noLocal ? withoutNoLocal(found) : found
      const qos = match === null ? 0 : smallerOf(match, message)
      if (match === null || qos === 0) continue
      this.#queue(target.clientId, this.#store(id, message), {
        qos,
        retain: message.retain && match.retainAsPublished,
        identifiers: match.identifiers,
        packetId: 0,
      })
    }
  }

  /** Returns the number of the delivery. */
  #queue(
    clientId: string,
    sequence: number,
    options: Pick<ClientMessage, 'qos' | 'retain' | 'identifiers' | 'packetId'>,
  ): number {
    this.#delivery += 1
    const { qos, retain, identifiers, packetId } = options
    const owner = { kind: 'session', clientId } as const
    const delivery = this.#delivery
    this.#record({ kind: 'queued', delivery, owner, sequence, qos, retain, identifiers, packetId })
    return delivery
  }

  /** Returns null for a message that has expired, or is not in the file. */
  #messageOf(id: bigint): BaseMessage | null {
    const message = this.#database.messages.get(id)
    if (message === undefined) this.counts.missingMessages += 1
    else if (message.expiresAt <= this.#now) this.counts.expiredMessages += 1
    else return message
    return null
  }

  /** Stores the message in this commit, unless it is there. Returns its sequence. */
  #store(id: bigint, base: BaseMessage): number {
    const isFull = this.#bytes > COMMIT_BYTES || this.#changes.length > COMMIT_CHANGES
    if (isFull) this.#flush()
    const known = this.#stored.get(id)
    if (known !== undefined) return known
    const message = this.#made(base)
    this.#record({ kind: 'message-stored', message })
    this.#stored.set(id, message.sequence)
    this.#bytes += base.payload.length
    return message.sequence
  }

  #made(base: BaseMessage): Message {
    const { topic, publisher, expiresAt } = base
    const numbers = { now: this.#now, nextSequence: () => (this.#sequence += 1) }
    return { ...makeMessage(base, topic, publisher, numbers), expiresAt }
  }

  #record(change: Change): void {
    this.#changes.push(change)
  }

  #flush(): void {
    if (this.#changes.length > 0) this.#commit(this.#changes)
    this.#changes = []
    this.#stored.clear()
    this.#bytes = 0
  }
}

function smallerOf({ qos }: Match<unknown>, message: BaseMessage): QoS {
  return qos < message.qos ? qos : message.qos
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
    missingMessages: 0,
  }
}
