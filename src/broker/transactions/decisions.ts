// The numbers that were decided last of each client and NAME, durably, so that a repetition applies nothing.

import { textBytes } from '../../message.ts'
import type { DecisionOutcome, StoredDecision } from '../../store/store.ts'
import type { Broker } from '../broker.ts'
import type { Deadline } from '../deadlines.ts'
import { OF_NOBODY, ownerOf, type User } from '../holdings.ts'
import type { TransactionId } from './transaction-topic.ts'

/** So many numbers of each NAME are kept. */
const DECISIONS_KEPT = 64

/** The objects of one name and of one number, with their entries in maps. */
const NAME_BYTES = 440
const DECISION_BYTES = 72

export interface Decision {
  readonly number: number
  /** The PUBLISH packets that were staged. */
  readonly count: number
  readonly checksum: number
  readonly outcome: DecisionOutcome
}

interface DecidedName {
  readonly clientId: string
  readonly name: string
  /** Whose name it is; null if its client was away at the start, and has not used it since. */
  user: User | null
  usedAt: number
  /** In the order of their numbers. */
  readonly decisions: Decision[]
}

type NamesLimit =
  'transactionNamesPerClientMax' | 'transactionNamesPerUserMax' | 'transactionNamesMax'

export class Decisions implements Deadline {
  place: Deadline['place'] = undefined
  readonly #broker: Broker
  /** In the order of their last use. */
  readonly #names = new Map<string, DecidedName>()
  readonly #namesOf = new Map<string, number>()

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** The names of all clients. */
  get count(): number {
    return this.#names.size
  }

  /** Returns what was decided; `forgotten` for a number so low that nobody knows; null if nothing was decided. */
  find(clientId: string, { name, number }: TransactionId): Decision | 'forgotten' | null {
    const decisions = this.#names.get(keyOf(clientId, name))?.decisions
    if (decisions === undefined) return null
    const found = decisions.findLast(each => each.number === number)
    if (found !== undefined) return found
    if (decisions.length < DECISIONS_KEPT) return null
    const lowest = decisions.find(({ outcome }) => outcome !== 'prepared')
    return lowest !== undefined && number < lowest.number ? 'forgotten' : null
  }

  /** Returns the limit for which nothing can be decided under a new name, or null. */
  limitFor(clientId: string, name: string): NamesLimit | null {
    if (this.#names.has(keyOf(clientId, name))) return null
    const { transactionNamesMax, transactionNamesPerClientMax } = this.#broker.limits
    const own = this.#namesOf.get(clientId) ?? 0
    if (own >= transactionNamesPerClientMax) return 'transactionNamesPerClientMax'
    if (this.#isFullFor(clientId)) return 'transactionNamesPerUserMax'
    return this.#names.size >= transactionNamesMax ? 'transactionNamesMax' : null
  }

  #isFullFor(clientId: string): boolean {
    const { holdings, limits, sessions } = this.#broker
    const user = sessions.get(clientId)?.rights.identity
    if (user === undefined || ownerOf(user) === OF_NOBODY) return false
    return holdings.of(user).transactionNames >= limits.transactionNamesPerUserMax
  }

  /** Keeps it, in the commit that is recorded now. */
  set(clientId: string, { name, number }: TransactionId, decision: Omit<Decision, 'number'>): void {
    const { now: at, journal } = this.#broker
    const stored = { clientId, name, number, ...decision, at }
    journal.record({ kind: 'decided', ...stored })
    this.#keep(stored)
    const known = this.#names.get(keyOf(clientId, name))
    if (known === undefined || known.decisions.length <= DECISIONS_KEPT) return
    const lowest = known.decisions.findIndex(({ outcome }) => outcome !== 'prepared')
    if (lowest === -1) return
    for (const dropped of known.decisions.splice(lowest, 1)) {
      this.#broker.memory.add('transactions', -DECISION_BYTES)
      journal.record({ kind: 'decision-dropped', clientId, name, number: dropped.number })
    }
  }

  /** Restores decisions from the store. */
  restore(stored: readonly StoredDecision[]): void {
    for (const each of [...stored].sort((one, other) => one.at - other.at)) this.#keep(each)
  }

  /** Forgets the name that was not used for longest. Others that are due as well follow while the turn has work left. */
  expired(now: number): void {
    const [first] = this.#names.values()
    if (first === undefined) return
    if (first.decisions.some(({ outcome }) => outcome === 'prepared')) {
      this.#touch(first, now)
    } else {
      this.#broker.statistics.limited.transactionNamesKeptSeconds += 1
      this.#forget(first)
    }
    this.#schedule()
  }

  #keep({ clientId, name, number, count, checksum, outcome, at }: StoredDecision): void {
    const { memory } = this.#broker
    const key = keyOf(clientId, name)
    let known = this.#names.get(key)
    if (known === undefined) {
      known = { clientId, name, user: null, usedAt: at, decisions: [] }
      this.#namesOf.set(clientId, (this.#namesOf.get(clientId) ?? 0) + 1)
      memory.add('transactions', nameBytes(known))
    }
    this.#countForUser(known)
    this.#touch(known, at)
    const { decisions } = known
    const decision = { number, count, checksum, outcome }
    const behind = decisions.findLastIndex(each => each.number <= number)
    if (decisions[behind]?.number === number) decisions[behind] = decision
    else {
      decisions.splice(behind + 1, 0, decision)
      memory.add('transactions', DECISION_BYTES)
    }
    this.#schedule()
  }

  #countForUser(known: DecidedName): void {
    if (known.user !== null) return
    const { sessions, holdings } = this.#broker
    known.user = sessions.get(known.clientId)?.rights.identity ?? null
    if (known.user !== null) holdings.add(known.user, 'transactionNames', 1)
  }

  #touch(known: DecidedName, at: number): void {
    const key = keyOf(known.clientId, known.name)
    known.usedAt = at
    this.#names.delete(key)
    this.#names.set(key, known)
  }

  #forget(known: DecidedName): void {
    const { memory, journal, holdings } = this.#broker
    const { clientId, name, decisions, user } = known
    if (user !== null) holdings.add(user, 'transactionNames', -1)
    this.#names.delete(keyOf(clientId, name))
    const left = (this.#namesOf.get(clientId) ?? 1) - 1
    if (left === 0) this.#namesOf.delete(clientId)
    else this.#namesOf.set(clientId, left)
    memory.add('transactions', -nameBytes(known) - decisions.length * DECISION_BYTES)
    for (const { number } of decisions) {
      journal.record({ kind: 'decision-dropped', clientId, name, number })
    }
  }

  #schedule(): void {
    const [first] = this.#names.values()
    const keptMs = this.#broker.limits.transactionNamesKeptSeconds * 1_000
    this.#broker.deadlines.set(this, first === undefined ? Infinity : first.usedAt + keptMs)
  }
}

function nameBytes({ clientId, name }: DecidedName): number {
  return NAME_BYTES + textBytes(clientId) + textBytes(name)
}

/** No text of MQTT has U+0000 [MQTT-1.5.4-2]. */
function keyOf(clientId: string, name: string): string {
  return `${clientId}\0${name}`
}
