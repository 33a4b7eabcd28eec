// A client that makes transactions, one after the other, and brings each to its end: after a loss of the connection it asks again, with
// all of it, a part or nothing staged anew. What it has prepared it decides when the broker asks back.

import type { Properties, PublishPacket } from '../../src/packet/packet.ts'
import { isFailure, type ReasonCode } from '../../src/packet/reason.ts'
import { Client, type ClientSettings, type Request } from '../client.ts'
import type { Staged, TransactionMessage, TransactionVerb } from '../event.ts'
import type { EventLog } from '../event-log.ts'
import { payloadOf } from '../payload.ts'
import type { Random } from '../random.ts'
import { ClientActor } from './client-actor.ts'

/** A transaction as its client knows it. */
interface Transaction {
  readonly id: string
  readonly packets: readonly Request[]
  verb: TransactionVerb
  isCommitted: boolean
  /** It is prepared, and nothing was said yet of what becomes of it. */
  isUndecided: boolean
}

/** What a transaction is made of. `settled`: delivery ids. */
export interface Contents {
  readonly messages: readonly Omit<TransactionMessage, 'publisher' | 'sequence'>[]
  readonly settled: readonly string[]
}

const OUTCOME = '$tx/outcome'
const UNDECIDED = '$tx/undecided'
const PAUSE_MILLISECONDS_MAX = 12
const THINKING_MILLISECONDS_MAX = 120
const AWAY_MILLISECONDS_MAX = 80
const CHANCE_OF_CUT = 0.02
const CHANCE_OF_REPETITION = 0.2
const CHANCE_OF_PATIENCE = 0.5

export abstract class TransactionActor extends ClientActor {
  protected readonly client: Client
  protected readonly log: EventLog
  readonly #filters: ReadonlyMap<string, Properties>
  readonly #granted = new Set<string>()
  #number = 0
  #transaction: Transaction | null = null
  #staged: Staged = 'all'
  /** What is sent when the packet before is acknowledged. */
  #toSend: Request[] = []
  /** The packet identifiers of the last packet, and of the one that asks for the decision; 0 for none. */
  #lastSent = 0
  #asking = 0
  /** Whether an earlier connection's packets, which are sent again, may be staged besides. */
  #hasLeftovers = false
  #isThinking = false

  constructor(
    facts: ClientSettings,
    log: EventLog,
    random: Random,
    filters: [string, Properties][],
  ) {
    super(random)
    this.log = log
    this.#filters = new Map([[OUTCOME, {}], [UNDECIDED, {}], ...filters])
    this.client = new Client(facts, log, {
      connected: isPresent => this.#connected(isPresent),
      subscribed: filter => this.#subscribed(filter),
      closed: () => this.#closed(),
      handed: packet => this.#handed(packet),
      answered: (packetId, reason, sentence) => this.#answered(packetId, reason, sentence),
    })
  }

  get isSettled(): boolean {
    const { isConnected, inFlight } = this.client
    return isConnected && this.#isSubscribed && inFlight === 0 && this.#transaction === null
  }

  protected resumed(): void {
    this.next()
  }

  /** Returns what the next transaction is made of; null if it must wait. */
  protected abstract begins(): Contents | null
  /** A message came that is not about transactions. */
  protected abstract received(packet: PublishPacket): void
  /** The connection is lost. */
  protected abstract forgets(): void

  /** Does the next step, if it waits for nothing. */
  protected next(): void {
    if (!this.client.isConnected || !this.#isSubscribed) return
    if (this.#asking !== 0 || this.#toSend.length > 0 || this.#isThinking) return
    const transaction = this.#transaction
    if (transaction === null) this.#make()
    else if (!transaction.isUndecided) this.#ask(transaction, this.#howMuch())
    // It was prepared on an earlier connection: the broker asks back.
  }

  #make(): void {
    const contents = this.begins()
    if (contents === null) return
    const { clientId: publisher } = this.client.facts
    this.#number += this.random.whole(1, 3)
    const transaction = `${publisher}.${this.#number}`
    const messages = contents.messages.map((message, index) => {
      return { publisher, sequence: 10 * this.#number + index + 1, ...message }
    })
    this.log.record({ kind: 'transaction-made', transaction, messages })
    const acknowledged = contents.settled.map(
      payload => ({ topic: `$tx/${transaction}/ack`, qos: 1, payload }) as const,
    )
    const published = messages.map(message => this.#publication(transaction, message))
    this.#transaction = {
      id: transaction,
      packets: this.random.chance(0.5)
        ? [...acknowledged, ...published]
        : [...published, ...acknowledged],
      verb: this.random.pick(['commit', 'commit', 'prepare', 'abort']),
      isCommitted: false,
      isUndecided: false,
    }
    this.#ask(this.#transaction, 'all')
  }

  #publication(transaction: string, message: TransactionMessage): Request {
    const { topic, qos } = message
    const payload = payloadOf(message)
    if (this.client.facts.version === 4 || this.random.chance(0.5))
      return { topic: `$tx/${transaction}/publish/${topic}`, qos, payload }
    return { topic, qos, payload, properties: { userProperties: [['$tx', transaction]] } }
  }

  #howMuch(): Staged {
    if (this.isSettling) return 'all'
    // A part, and what is sent again, could be as many as all.
    if (this.#hasLeftovers) return this.random.pick(['all', 'nothing'])
    return this.random.pick(['all', 'all', 'part', 'nothing'])
  }

  #ask(transaction: Transaction, staged: Staged): void {
    const { id, packets, verb } = transaction
    const left = staged === 'all' ? packets : staged === 'part' ? packets.slice(1) : []
    const last = { topic: `$tx/${id}/${verb}`, qos: 1, payload: String(packets.length) } as const
    transaction.isUndecided = false
    this.#staged = this.#hasLeftovers ? 'unsure' : staged
    this.#toSend = [...left, last]
    if (this.random.chance(0.5)) this.#sendOne()
    else while (this.#toSend.length > 0) this.#sendOne()
  }

  #sendOne(): void {
    const packet = this.#toSend.shift()
    const transaction = this.#transaction
    if (packet === undefined || transaction === null) return
    const isLast = this.#toSend.length === 0
    if (isLast) {
      const { id, verb } = transaction
      this.log.record({ kind: 'transaction-asked', transaction: id, verb })
    }
    // The broker may be killed within `record`.
    this.#lastSent = this.client.request(packet)
    if (isLast) this.#asking = this.#lastSent
    if (this.random.chance(CHANCE_OF_CUT)) this.client.cut()
  }

  #answered(packetId: number, reason: ReasonCode, sentence: string): void {
    if (packetId === this.#asking) {
      // A client of MQTT 3 hears of a refusal on `$tx/outcome` only.
      const isSilent = this.client.facts.version === 4 && this.#transaction?.verb !== 'abort'
      if (!isSilent) this.#decided(isFailure(reason), sentence)
    } else if (packetId === this.#lastSent && this.#toSend.length > 0) {
      this.#sendOne()
    } else {
      this.next()
    }
  }

  #decided(isRefused: boolean, sentence: string): void {
    const transaction = this.#transaction
    if (transaction === null) return
    const { id, verb } = transaction
    const staged = this.#staged
    this.#asking = 0
    this.#hasLeftovers = false
    const answer = { transaction: id, verb, staged, isRefused, sentence }
    this.log.record({ kind: 'transaction-answered', ...answer })
    if (isRefused) {
      const isCertain = staged !== 'part' && staged !== 'unsure'
      const isOver = isCertain && !(staged === 'nothing' && this.isPatient())
      if (isOver) {
        this.#transaction = null
        this.gaveUp()
      }
    } else if (verb === 'abort') this.#transaction = null
    else if (verb === 'prepare') this.#prepared(transaction)
    else {
      const isRepeated = !this.isSettling && this.random.chance(CHANCE_OF_REPETITION)
      if (transaction.isCommitted || !isRepeated) this.#transaction = null
      transaction.isCommitted = true
    }
    this.#pause()
  }

  /** Whether it stages anew what was refused because nothing was staged. */
  protected isPatient(): boolean {
    return this.isSettling || this.random.chance(CHANCE_OF_PATIENCE)
  }

  /** A transaction was refused, and is not tried again. */
  protected gaveUp(): void {
    // Nothing is to be given back.
  }

  /** It decides after a while, unless the connection is lost before. */
  #prepared(transaction: Transaction): void {
    transaction.isUndecided = true
    transaction.verb = this.random.pick(['commit', 'commit', 'abort'])
    this.#isThinking = true
    this.laterOnConnection(this.random.whole(0, THINKING_MILLISECONDS_MAX), () => {
      this.#isThinking = false
      if (this.#transaction === transaction) this.#ask(transaction, 'nothing')
    })
  }

  #pause(): void {
    this.laterOnConnection(this.random.whole(0, PAUSE_MILLISECONDS_MAX), () => this.next())
  }

  #handed(packet: PublishPacket): void {
    const { topic, packetId, payload } = packet
    if (topic !== OUTCOME && topic !== UNDECIDED) return this.received(packet)
    this.client.answer(packetId, 0)
    const said: unknown = JSON.parse(payload.toString())
    if (topic === UNDECIDED) this.#askedBack(said)
    else if (this.client.facts.version === 4) this.#told(said)
  }

  #told(said: unknown): void {
    const { id, outcome, sentence } = said as Readonly<Record<string, string>>
    if (this.#asking === 0 || id !== this.#transaction?.id || outcome === 'aborted') return
    this.#decided(outcome === 'refused', sentence ?? '')
  }

  /** The broker asks which become of these. It may have asked before an answer that came since. */
  #askedBack(said: unknown): void {
    for (const id of Array.isArray(said) ? said.map(String) : []) {
      this.log.record({ kind: 'transaction-undecided', transaction: id })
      const transaction = this.#transaction
      if (transaction?.id !== id || this.#asking !== 0 || this.#isThinking) continue
      if (this.#toSend.length > 0 || transaction.isCommitted) continue
      if (transaction.verb === 'prepare') this.#prepared(transaction)
      else if (transaction.isUndecided) this.#ask(transaction, 'nothing')
    }
  }

  get #isSubscribed(): boolean {
    return this.#granted.size === this.#filters.size
  }

  #connected(isPresent: boolean): void {
    if (!isPresent) this.#granted.clear()
    // What is in flight was sent again, before this.
    const { inFlight } = this.client
    if (inFlight === 0) this.#asking = 0
    this.#hasLeftovers = inFlight > 0
    if (this.#asking !== 0) this.#staged = inFlight > 1 ? 'unsure' : 'nothing'
    for (const [filter, properties] of this.#filters) {
      if (!this.#granted.has(filter)) this.client.subscribe(filter, 1, properties)
    }
    this.#pause()
  }

  #subscribed(filter: string): void {
    this.#granted.add(filter)
    if (this.#isSubscribed) this.#pause()
  }

  #closed(): void {
    this.#toSend = []
    this.#isThinking = false
    this.forgets()
    this.connectAfter(this.random.whole(5, AWAY_MILLISECONDS_MAX))
  }
}
