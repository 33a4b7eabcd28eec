// The numbers that were decided last of each client and NAME, durably, so that a repetition applies nothing.

import { textBytes } from '../../message.ts'
import { type Decision, DecisionList } from '../../store/decision-list.ts'
import type { DecisionOutcome, StoredDecision } from '../../store/store.ts'
import type { Broker } from '../broker.ts'
import type { Deadline } from '../deadlines.ts'
import { OF_NOBODY, ownerOf, type User } from '../holdings.ts'
import type { Decided } from './applying.ts'
import type { TransactionId } from './transaction-topic.ts'

/** So many numbers of each NAME are kept. */
const DECISIONS_KEPT = 64

/** The objects of one name and of one number, with their entries in maps. */
const NAME_BYTES = 600
const DECISION_BYTES = 72

interface DecidedName {
  readonly clientId: string
  readonly name: string
  /** Whose name it is; null if its client was away at the start, and has not used it since. */
  user: User | null
  usedAt: number
  readonly decisions: DecisionList
  /** Its neighbours in the order of last use. */
  older: DecidedName | null
  newer: DecidedName | null
}

type NamesLimit =
  'transactionNamesPerClientMax' | 'transactionNamesPerUserMax' | 'transactionNamesMax'

export class Decisions implements Deadline {
  place: Deadline['place'] = undefined
  readonly #broker: Broker
  readonly #byClient = new Map<string, Map<string, DecidedName>>()
  #count = 0
  // The ends of a list: a map would have to take out and put in with each use.
  #oldest: DecidedName | null = null
  #newest: DecidedName | null = null
  /** The one that was asked for last: a commit asks several times. */
  #last: DecidedName | null = null

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** The names of all clients. */
  get count(): number {
    return this.#count
  }

  /** Returns what was decided; `forgotten` for a number so low that nobody knows; null if nothing was decided. */
  find(clientId: string, { name, number }: TransactionId): Decision | 'forgotten' | null {
    const decisions = this.#known(clientId, name)?.decisions
    if (decisions === undefined) return null
    const found = decisions.find(number)
    if (found !== null || decisions.length < DECISIONS_KEPT) return found
    const lowest = decisions.lowestDecided
    return lowest !== null && number < lowest ? 'forgotten' : null
  }

  /** Returns the limit for which nothing can be decided under a new name, or null. */
  limitFor(clientId: string, name: string): NamesLimit | null {
    if (this.#known(clientId, name) !== null) return null
    const own = this.#byClient.get(clientId)
    const { transactionNamesMax, transactionNamesPerClientMax } = this.#broker.limits
    if (own !== undefined && own.size >= transactionNamesPerClientMax) {
      return 'transactionNamesPerClientMax'
    }
    if (this.#isFullFor(clientId)) return 'transactionNamesPerUserMax'
    return this.#count >= transactionNamesMax ? 'transactionNamesMax' : null
  }

  #isFullFor(clientId: string): boolean {
    const { holdings, limits, sessions } = this.#broker
    const user = sessions.get(clientId)?.rights.identity
    if (user === undefined || ownerOf(user) === OF_NOBODY) return false
    return holdings.of(user).transactionNames >= limits.transactionNamesPerUserMax
  }

  #known(clientId: string, name: string): DecidedName | null {
    const last = this.#last
    if (last !== null && last.name === name && last.clientId === clientId) return last
    const found = this.#byClient.get(clientId)?.get(name) ?? null
    this.#last = found
    return found
  }

  /** Keeps it, in the commit that is recorded now. */
  set({ clientId, id, count, checksum }: Decided, outcome: DecisionOutcome): void {
    const { name, number } = id
    const { now: at, journal } = this.#broker
    const decided = { clientId, name, number, count, checksum, outcome, at }
    const dropped = this.#dropLowest(this.#keep(decided))
    const kind = 'decided'
    journal.record({ kind, clientId, name, number, count, checksum, outcome, at, dropped })
  }

  /** Restores decisions from the store. */
  restore(stored: readonly StoredDecision[]): void {
    for (const each of [...stored].sort((one, other) => one.at - other.at)) this.#keep(each)
  }

  /** Forgets the name that was not used for longest. Others that are due as well follow while the turn has work left. */
  expired(now: number): void {
    const first = this.#oldest
    if (first === null) return
    // The deadline is not moved when a name is used.
    if (this.#dueAt(first) <= now) {
      if (first.decisions.hasPrepared) this.#touch(first, now)
      else {
        this.#broker.statistics.limited.transactionNamesKeptSeconds += 1
        this.#forget(first)
      }
    }
    this.#schedule()
  }

  #keep(decided: StoredDecision): DecidedName {
    const known = this.#named(decided.clientId, decided.name)
    this.#countForUser(known)
    this.#touch(known, decided.at)
    if (known.decisions.set(decided)) this.#broker.memory.add('transactions', DECISION_BYTES)
    if (this.place === undefined) this.#schedule()
    return known
  }

  /** Returns the number that is not kept any more, or null. */
  #dropLowest({ decisions }: DecidedName): number | null {
    if (decisions.length <= DECISIONS_KEPT) return null
    const lowest = decisions.lowestDecided
    if (lowest === null) return null
    decisions.delete(lowest)
    this.#broker.memory.add('transactions', -DECISION_BYTES)
    return lowest
  }

  #named(clientId: string, name: string): DecidedName {
    const found = this.#known(clientId, name)
    if (found !== null) return found
    const own = this.#byClient.get(clientId) ?? new Map<string, DecidedName>()
    const known: DecidedName = {
      clientId,
      name,
      user: null,
      usedAt: 0,
      decisions: new DecisionList(),
      older: null,
      newer: null,
    }
    own.set(name, known)
    this.#byClient.set(clientId, own)
    this.#count += 1
    this.#broker.memory.add('transactions', nameBytes(known))
    return known
  }

  #countForUser(known: DecidedName): void {
    if (known.user !== null) return
    const { sessions, holdings } = this.#broker
    known.user = sessions.get(known.clientId)?.rights.identity ?? null
    if (known.user !== null) holdings.add(known.user, 'transactionNames', 1)
  }

  #touch(known: DecidedName, at: number): void {
    known.usedAt = at
    if (known === this.#newest) return
    this.#takeOut(known)
    known.older = this.#newest
    if (this.#newest === null) this.#oldest = known
    else this.#newest.newer = known
    this.#newest = known
  }

  #takeOut(known: DecidedName): void {
    const { older, newer } = known
    if (older !== null) older.newer = newer
    else if (known === this.#oldest) this.#oldest = newer
    if (newer !== null) newer.older = older
    else if (known === this.#newest) this.#newest = older
    known.older = null
    known.newer = null
  }

  #forget(known: DecidedName): void {
    const { memory, journal, holdings } = this.#broker
    const { clientId, name, decisions, user } = known
    if (user !== null) holdings.add(user, 'transactionNames', -1)
    this.#takeOut(known)
    this.#last = null
    const own = this.#byClient.get(clientId)
    own?.delete(name)
    if (own?.size === 0) this.#byClient.delete(clientId)
    this.#count -= 1
    memory.add('transactions', -nameBytes(known) - decisions.length * DECISION_BYTES)
    for (const number of decisions.numbers) {
      journal.record({ kind: 'decision-dropped', clientId, name, number })
    }
  }

  #dueAt({ usedAt }: DecidedName): number {
    return usedAt + this.#broker.limits.transactionNamesKeptSeconds * 1_000
  }

  #schedule(): void {
    const first = this.#oldest
    this.#broker.deadlines.set(this, first === null ? Infinity : this.#dueAt(first))
  }
}

function nameBytes({ clientId, name }: Pick<DecidedName, 'clientId' | 'name'>): number {
  return NAME_BYTES + textBytes(clientId) + textBytes(name)
}
