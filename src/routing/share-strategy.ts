// Chooses the member of a share group that takes the next message. A member joins once. It is added whenever it can
// take a message and removed whenever it cannot. No operation becomes slower when the group is large.

import type { Message } from '../message.ts'
import { HashRing } from './hash-ring.ts'
import { type HeapEntry, MemberHeap } from './member-heap.ts'
import { MemberList } from './member-list.ts'

export interface ShareMember {
  readonly clientId: string
  /** From 1 up: its share of the messages, relative to a member of weight 1. */
  readonly weight: number
  /** The number of messages in flight to it. */
  readonly inFlight: number
}

export interface ShareStrategy<Member extends ShareMember> {
  /** Whether a key binds each message to one member. */
  readonly isKeyed: boolean
  /** Adds a member to the group. It is not ready yet. */
  join(member: Member): void
  /** Removes a member from the group. */
  leave(member: Member): void
  /** Marks a member as ready for a message. It may be called repeatedly. */
  add(member: Member): void
  /** Marks a member as not ready: its window is full, it does not read, or it is not connected. It may be called repeatedly. */
  remove(member: Member): void
  /** Chooses the member that takes this message now; null when the message must wait. The member counts as having taken it. */
  next(message: Message): Member | null
  /** Returns the key that binds the message to one member; null when any member may take it. */
  keyOf(message: Message): string | null
  /** Returns the member that the message is bound to, ready or not; null when any member may take it. */
  ownerOf(message: Message): Member | null
  /** Must be called when the member's `inFlight` has changed. */
  settled(member: Member): void
}

export const SHARE_STRATEGY_NAMES = [
  'round-robin',
  'random',
  'weighted',
  'sticky',
  'hash-client',
  'hash-topic',
  'least-in-flight',
] as const

export type ShareStrategyName = (typeof SHARE_STRATEGY_NAMES)[number]

export function isShareStrategyName(text: string): text is ShareStrategyName {
  return SHARE_STRATEGY_NAMES.some(name => name === text)
}

/** `random` returns numbers from 0 up to, but not including, 1. */
export function createStrategy<Member extends ShareMember>(
  name: ShareStrategyName,
  random: () => number,
): ShareStrategy<Member> {
  switch (name) {
    case 'round-robin':
      return new RankedStrategy(new EqualRank())
    case 'random':
      return new RandomStrategy(random)
    case 'weighted':
      return new RankedStrategy(new PassRank())
    case 'sticky':
      return new StickyStrategy()
    case 'hash-client':
      return new HashStrategy(message => message.publisher ?? '')
    case 'hash-topic':
      return new HashStrategy(message => message.topic)
    case 'least-in-flight':
      return new RankedStrategy(new InFlightRank())
  }
}

interface RankedEntry<Member> extends HeapEntry {
  readonly member: Member
}

/** The order of ready members in a ranked strategy. */
interface Rank {
  /** Returns the rank of a member that becomes ready. */
  onAdd(entry: RankedEntry<ShareMember>): void
  /** Corrects the rank of the first entry. Returns true when the rank has changed, so that another entry may be first. */
  corrects(first: RankedEntry<ShareMember>): boolean
  onChosen(entry: RankedEntry<ShareMember>): void
}

/**
 * Chooses the member of the lowest rank, and among equal ranks the one that was chosen least recently. A member that
 * leaves and comes back keeps the time of its last choice, so it gains and loses nothing.
 */
class RankedStrategy<Member extends ShareMember> implements ShareStrategy<Member> {
  readonly isKeyed = false
  readonly #rank: Rank
  readonly #ready = new MemberHeap<RankedEntry<Member>>()
  readonly #entries = new Map<Member, RankedEntry<Member>>()
  #turn = 0

  constructor(rank: Rank) {
    this.#rank = rank
  }

  join(member: Member): void {
    this.#entryOf(member)
  }

  leave(member: Member): void {
    this.remove(member)
    this.#entries.delete(member)
  }

  add(member: Member): void {
    const entry = this.#entryOf(member)
    if (entry.place !== -1) return
    this.#rank.onAdd(entry)
    this.#ready.insert(entry)
  }

  remove(member: Member): void {
    const entry = this.#entries.get(member)
    if (entry !== undefined) this.#ready.remove(entry)
  }

  next(): Member | null {
    let entry = this.#ready.first
    while (entry !== null && this.#rank.corrects(entry)) {
      this.#ready.reposition(entry)
      entry = this.#ready.first
    }
    if (entry === null) return null
    this.#rank.onChosen(entry)
    entry.turn = ++this.#turn
    this.#ready.reposition(entry)
    return entry.member
  }

  keyOf(): null {
    return null
  }

  ownerOf(): null {
    return null
  }

  settled(member: Member): void {
    const entry = this.#entries.get(member)
    if (entry !== undefined && entry.place !== -1 && this.#rank.corrects(entry)) {
      this.#ready.reposition(entry)
    }
  }

  /** A new member comes after all present members. */
  #entryOf(member: Member): RankedEntry<Member> {
    const known = this.#entries.get(member)
    if (known !== undefined) return known
    const entry = { member, rank: 0, turn: ++this.#turn, place: -1 }
    this.#entries.set(member, entry)
    return entry
  }
}

class EqualRank implements Rank {
  onAdd(): void {}

  corrects(): boolean {
    return false
  }

  onChosen(): void {}
}

/** Stride scheduling: each choice adds one step to the member's rank. A larger weight makes the step smaller. */
class PassRank implements Rank {
  /** The rank of the member that was chosen last, before its step. */
  #pass = 0

  onAdd(entry: RankedEntry<ShareMember>): void {
    // A member that was away does not catch up on messages that others took meanwhile. A member that comes back at once keeps its
    // higher rank.
    entry.rank = Math.max(entry.rank, this.#pass)
  }

  corrects(): boolean {
    return false
  }

  onChosen(entry: RankedEntry<ShareMember>): void {
    this.#pass = entry.rank
    entry.rank += 1 / entry.member.weight
  }
}

class InFlightRank implements Rank {
  onAdd(entry: RankedEntry<ShareMember>): void {
    entry.rank = entry.member.inFlight
  }

  /** The `inFlight` of a chosen member grows after the choice, so the first entry may have more than its rank says. */
  corrects(first: RankedEntry<ShareMember>): boolean {
    const { inFlight } = first.member
    if (first.rank === inFlight) return false
    first.rank = inFlight
    return true
  }

  onChosen(): void {}
}

class RandomStrategy<Member extends ShareMember> implements ShareStrategy<Member> {
  readonly isKeyed = false
  readonly #ready = new MemberList<Member>()
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  join(): void {}

  leave(member: Member): void {
    this.#ready.forget(member)
  }

  add(member: Member): void {
    this.#ready.add(member)
  }

  remove(member: Member): void {
    this.#ready.remove(member)
  }

  next(): Member | null {
    return this.#ready.at(Math.floor(this.#random() * this.#ready.count))
  }

  keyOf(): null {
    return null
  }

  ownerOf(): null {
    return null
  }

  settled(): void {}
}

/** One member takes all messages until it is removed; then another one does. */
class StickyStrategy<Member extends ShareMember> implements ShareStrategy<Member> {
  readonly isKeyed = false
  readonly #ready = new MemberList<Member>()
  #current: Member | null = null

  join(): void {}

  leave(member: Member): void {
    this.remove(member)
    this.#ready.forget(member)
  }

  add(member: Member): void {
    this.#ready.add(member)
  }

  remove(member: Member): void {
    this.#ready.remove(member)
    if (this.#current === member) this.#current = null
  }

  next(): Member | null {
    this.#current ??= this.#ready.at(0)
    return this.#current
  }

  keyOf(): null {
    return null
  }

  ownerOf(): null {
    return null
  }

  settled(): void {}
}

/** One member takes all messages of a key. While that member is not ready, the messages wait. */
class HashStrategy<Member extends ShareMember> implements ShareStrategy<Member> {
  readonly isKeyed = true
  readonly #ring = new HashRing<Member>()
  /** The entries of all members of the group, ready or not, because readiness changes often. */
  readonly #ready = new Map<Member, boolean>()
  readonly #keyOf: (message: Message) => string

  constructor(keyOf: (message: Message) => string) {
    this.#keyOf = keyOf
  }

  join(member: Member): void {
    this.#ring.add(member)
  }

  leave(member: Member): void {
    this.#ring.remove(member)
    this.#ready.delete(member)
  }

  add(member: Member): void {
    this.#ready.set(member, true)
  }

  remove(member: Member): void {
    if (this.#ready.has(member)) this.#ready.set(member, false)
  }

  next(message: Message): Member | null {
    const owner = this.ownerOf(message)
    return owner !== null && this.#ready.get(owner) === true ? owner : null
  }

  keyOf(message: Message): string {
    return this.#keyOf(message)
  }

  ownerOf(message: Message): Member | null {
    return this.#ring.ownerOf(this.#keyOf(message))
  }

  settled(): void {}
}
