// Which member of a share group takes the next message. A member joins once and is then added whenever it can
// take a message and removed whenever it cannot; none of this costs more when the group is large.

import type { Message } from '../message.ts'
import { HashRing } from './hash-ring.ts'
import { type HeapEntry, MemberHeap } from './member-heap.ts'
import { MemberList } from './member-list.ts'

export interface ShareMember {
  readonly clientId: string
  /** From 1 up: how many messages it is to have for each that a member of weight 1 has. */
  readonly weight: number
  /** Messages it was sent and has not settled, now. */
  readonly inFlight: number
}

export interface ShareStrategy<Member extends ShareMember> {
  /** Each message is bound to one member by a key. */
  readonly isKeyed: boolean
  /** The member belongs to the group, but is not ready yet. */
  join(member: Member): void
  /** The member does not belong to the group any more, nor is it ready. */
  leave(member: Member): void
  /** The member is ready for a message; as often as it likes. */
  add(member: Member): void
  /** The member is full, frozen or away; as often as it likes. */
  remove(member: Member): void
  /** The member that is to take this message now, null when it must wait. The choice counts as taken. */
  next(message: Message): Member | null
  /** What binds the message to one member; null when any may take it. */
  keyOf(message: Message): string | null
  /** The member that the message is bound to, ready or not; null when any may take it. */
  ownerOf(message: Message): Member | null
  /** Its `inFlight` has changed. */
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

/** `random` gives numbers from 0 to below 1. */
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

/** What a ranked strategy orders its ready members by. */
interface Rank {
  /** When the member becomes ready. */
  onAdd(entry: RankedEntry<ShareMember>): void
  /** True when the rank of the first entry had to be put right and it may not be the first any more. */
  corrects(first: RankedEntry<ShareMember>): boolean
  onChosen(entry: RankedEntry<ShareMember>): void
}

/**
 * The member of the lowest rank, and of those the one that has waited longest since it was last chosen. That
 * a member goes and comes back changes nothing about when it was last chosen, so it gains and loses nothing.
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

  /** A new member waits until those that are there have had their turn. */
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

/** Stride scheduling: every choice moves a member on by one step, shorter the heavier it is. */
class PassRank implements Rank {
  /** How far the group has come: the rank of the member chosen last, before its step. */
  #pass = 0

  onAdd(entry: RankedEntry<ShareMember>): void {
    // One that was away has no claim to what the others took meanwhile. One that comes back at once keeps its
    // lead: the lowest rank of those that are ready would take it away.
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

  /** A member is told of a message after it was chosen for it, so the first may have more by now. */
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

/** One member takes everything until it is removed; then another does. */
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

/** One member for each key, ready or not: while it is not, its messages wait. */
class HashStrategy<Member extends ShareMember> implements ShareStrategy<Member> {
  readonly isKeyed = true
  readonly #ring = new HashRing<Member>()
  /** A member's entry stays while it belongs to the group: readiness changes all the time. */
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
