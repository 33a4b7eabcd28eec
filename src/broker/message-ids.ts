// The values of `$message-id` that clients have published lately: a repetition is dropped, and acknowledged as the first.

import { Buffer } from 'node:buffer'
import { type Publishable, textBytes } from '../message.ts'
import { WORK } from '../limits.ts'
import { lastValue, type Properties } from '../packet/packet.ts'
import { IMPLEMENTATION_SPECIFIC_ERROR, SUCCESS } from '../packet/reason.ts'
import type { StoredMessageId } from '../store/store.ts'
import { NotAdmitted } from './not-admitted.ts'
import { isOfTransactions } from '../routing/topic.ts'
import type { Broker } from './broker.ts'
import type { Deadline } from './deadlines.ts'
import { OF_NOBODY, ownerOf, type User } from './holdings.ts'

const MESSAGE_ID = '$message-id'
/** The object of one, with its entry in the map of its client. */
const ENTRY_BYTES = 240
/** The map of a client. */
const CLIENT_BYTES = 600
/** So many are forgotten at once when they are due. */
const FORGOTTEN_AT_ONCE = 64

interface Entry {
  readonly clientId: string
  readonly id: string
  readonly at: number
  /** Whether the store has it: its message was stored for somebody in the same commit. */
  readonly isStored: boolean
  /** Neighbours in the order of time. */
  earlier: Entry | null
  later: Entry | null
}

interface Client {
  /** Whose ids they are; null if the client was away at the start, and has not published since. */
  user: User | null
  /** In the order of time. */
  readonly entries: Map<string, Entry>
}

/** Returns the last value of the property; null for none. */
export function messageIdOf({ userProperties }: Properties): string | null {
  return lastValue(userProperties, MESSAGE_ID)
}

export class MessageIds implements Deadline {
  place: Deadline['place'] = undefined
  count = 0
  readonly #broker: Broker
  readonly #byClient = new Map<string, Client>()
  #first: Entry | null = null
  #last: Entry | null = null

  constructor(broker: Broker) {
    this.#broker = broker
  }

  isRepeated(properties: Properties, clientId: string | null): boolean {
    const id = clientId === null ? null : messageIdOf(properties)
    return id !== null && this.#byClient.get(clientId ?? '')?.entries.has(id) === true
  }

  /** Returns the refusal of an id that is none, or that the PUBLISH repeats another; null otherwise. */
  answerTo(said: Publishable, topic: string, clientId: string | null): NotAdmitted | null {
    // What is staged is looked at when it is committed.
    if (clientId === null || isOfTransactions(topic)) return null
    const fault = this.faultOf(said.properties)
    if (fault !== null) return fault
    if (!this.isRepeated(said.properties, clientId)) return null
    return new NotAdmitted('repeated', SUCCESS, 'a message with this $message-id was published')
  }

  /** Returns the refusal of an id that cannot be remembered, or null. */
  faultOf(properties: Properties): NotAdmitted | null {
    const id = messageIdOf(properties)
    const { limits, statistics } = this.#broker
    const { dedupeIdBytesMax } = limits
    if (id === null || (id !== '' && Buffer.byteLength(id) <= dedupeIdBytesMax)) return null
    if (id !== '') statistics.limited.dedupeIdBytesMax += 1
    const sentence = `$message-id has 1 to ${dedupeIdBytesMax} bytes (limits.dedupeIdBytesMax)`
    return new NotAdmitted('refused', IMPLEMENTATION_SPECIFIC_ERROR, sentence)
  }

  /** `isStored`: in the commit of the changes that are recorded now. */
  add(clientId: string, id: string, isStored: boolean): void {
    const { journal, now } = this.#broker
    if (isStored) journal.record({ kind: 'message-identified', clientId, id, at: now })
    this.#add(clientId, id, now, isStored)
  }

  /** Restores those of the store. The clock may have been ahead when they were published. */
  restore(stored: readonly StoredMessageId[]): void {
    const { now } = this.#broker
    for (const { clientId, id, at } of [...stored].sort((one, other) => one.at - other.at)) {
      this.#add(clientId, id, Math.min(at, now), true)
    }
  }

  /** The first has been kept for long enough. */
  expired(now: number): void {
    const keptMs = this.#broker.limits.dedupeSeconds * 1_000
    for (let left = FORGOTTEN_AT_ONCE; left > 0; left--) {
      if (this.#first === null || this.#first.at + keptMs > now) break
      this.#broker.turnWorkLeft -= WORK.queueStep
      this.#forget(this.#first)
    }
    this.#schedule()
  }

  #add(clientId: string, id: string, at: number, isStored: boolean): void {
    const { memory } = this.#broker
    const client = this.#client(clientId)
    const entry = { clientId, id, at, isStored, earlier: this.#last, later: null }
    client.entries.set(id, entry)
    this.#countForUser(client, 1)
    if (this.#last === null) this.#first = entry
    else this.#last.later = entry
    this.#last = entry
    this.count += 1
    memory.add('messageIds', bytesOf(entry))
    this.#keepWithinLimits(client)
    if (this.#first === entry) this.#schedule()
  }

  #client(clientId: string): Client {
    const { memory, sessions, holdings } = this.#broker
    let client = this.#byClient.get(clientId)
    if (client === undefined) {
      client = { user: null, entries: new Map() }
      this.#byClient.set(clientId, client)
      memory.add('messageIds', CLIENT_BYTES + textBytes(clientId))
    }
    if (client.user !== null) return client
    client.user = sessions.get(clientId)?.rights.identity ?? null
    if (client.user !== null) holdings.add(client.user, 'messageIds', client.entries.size)
    return client
  }

  #countForUser({ user }: Client, sign: 1 | -1): void {
    if (user !== null) this.#broker.holdings.add(user, 'messageIds', sign)
  }

  #keepWithinLimits({ user, entries }: Client): void {
    const { limits, memory, holdings } = this.#broker
    const [oldest] = entries.values()
    const isOverOfUser =
      user !== null &&
      holdings.of(user).messageIds > limits.dedupePerUserMax &&
      ownerOf(user) !== OF_NOBODY
    if (entries.size > limits.dedupePerClientMax) this.#forgetEarly(oldest, 'dedupePerClientMax')
    else if (isOverOfUser) this.#forgetEarly(oldest, 'dedupePerUserMax')
    const hasNoRoom = this.count > limits.dedupeMax || !memory.hasRoom
    if (hasNoRoom) this.#forgetEarly(this.#first ?? undefined, 'dedupeMax')
  }

  #forgetEarly(
    entry: Entry | undefined,
    limit: 'dedupePerClientMax' | 'dedupePerUserMax' | 'dedupeMax',
  ): void {
    if (entry === undefined) return
    this.#broker.statistics.limited[limit] += 1
    const isFirst = entry === this.#first
    this.#forget(entry)
    if (isFirst) this.#schedule()
  }

  #forget(entry: Entry): void {
    const { clientId, id, isStored, earlier, later } = entry
    const { journal, memory } = this.#broker
    const client = this.#byClient.get(clientId)
    client?.entries.delete(id)
    if (client !== undefined) this.#countForUser(client, -1)
    if (client?.entries.size === 0) {
      this.#byClient.delete(clientId)
      memory.add('messageIds', -CLIENT_BYTES - textBytes(clientId))
    }
    if (earlier === null) this.#first = later
    else earlier.later = later
    if (later === null) this.#last = earlier
    else later.earlier = earlier
    this.count -= 1
    memory.add('messageIds', -bytesOf(entry))
    if (isStored) journal.record({ kind: 'message-id-forgotten', clientId, id })
  }

  #schedule(): void {
    const keptMs = this.#broker.limits.dedupeSeconds * 1_000
    this.#broker.deadlines.set(this, this.#first === null ? Infinity : this.#first.at + keptMs)
  }
}

function bytesOf({ id }: Entry): number {
  return ENTRY_BYTES + textBytes(id)
}
