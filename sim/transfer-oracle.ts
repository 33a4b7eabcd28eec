// What must hold of messages that transactions carry from one queue to the next: each arrives once, in order, by transactions that were
// committed, and nobody gets what somebody holds, what a prepared transaction has locked, or what is settled.

import type { ClientConnection } from './client-connection.ts'
import type { History } from './history.ts'
import type { ReaderRecord } from './transaction-oracle.ts'
import { DEAD, type TransfersOfWorld } from './transfer-settings.ts'

export type Fate = 'unknown' | 'committed' | 'none'

/** A message of a queue as one consumer has it. */
export interface HeldHere {
  readonly queue: string
  readonly id: string
  readonly payload: string
  readonly deliveryId: string
  readonly connection: ClientConnection
}

/** Who had the message of a queue last. */
interface Claim {
  readonly kind: 'held' | 'locked' | 'settled'
  readonly by: string
  readonly connection: ClientConnection | null
}

interface Sent {
  isAccepted: boolean
  /** It was sent again after its `$message-id` may have been forgotten. */
  mayRepeat: boolean
}

export class TransferOracle {
  readonly #history: History
  readonly #terms: TransfersOfWorld
  readonly #sent = new Map<string, Sent>()
  readonly #fates = new Map<string, Fate>()
  readonly #seen = new Set<string>()
  readonly #claims = new Map<string, Claim>()
  readonly #arrived: string[] = []
  #reader: ReaderRecord | null = null

  constructor(history: History, terms: TransfersOfWorld) {
    this.#history = history
    this.#terms = terms
  }

  get arrived(): number {
    return this.#arrived.length
  }

  /** Before that nobody may publish. */
  get isSubscribed(): boolean {
    return this.#reader?.grantedAt != null
  }

  get isComplete(): boolean {
    return this.#missing().length === 0
  }

  reader(clientId: string): ReaderRecord {
    this.#reader = { clientId, grantedAt: null, received: [] }
    return this.#reader
  }

  sends(id: string, isLate: boolean): void {
    const sent = this.#sent.get(id)
    if (sent === undefined) this.#sent.set(id, { isAccepted: false, mayRepeat: false })
    else sent.mayRepeat ||= isLate
  }

  accepted(id: string): void {
    const sent = this.#sent.get(id)
    if (sent !== undefined) sent.isAccepted = true
  }

  /** What became of a transaction, as its client knows. */
  decides(transaction: string, fate: Fate): void {
    this.#fates.set(transaction, fate)
  }

  handed(by: string, { queue, id, payload, connection }: HeldHere): void {
    this.#sees(id, payload)
    const key = placeOf(queue, id)
    const claim = this.#claims.get(key)
    const what = `${by} received ${id} of ${queue}`
    if (claim !== undefined && this.#sent.get(id)?.mayRepeat !== true) {
      if (claim.kind === 'settled') {
        this.violation(`${what} after ${claim.by} had settled it`)
      } else if (claim.kind === 'locked') {
        this.violation(`${what}, which the prepared ${claim.by} has locked`)
      } else if (claim.connection !== null && this.isSurelyHeldOn(claim.connection)) {
        this.violation(`${what} while ${claim.by} holds it`)
      }
    }
    this.#claims.set(key, { kind: 'held', by, connection })
  }

  /** Whether what was received on this connection and not given back is held there. */
  isSurelyHeldOn({ wire, isOver }: ClientConnection): boolean {
    const isOpen = !isOver && !wire.isBrokerClosed && !wire.isBroken
    return isOpen && this.#terms.ackDeadlineSeconds === 0
  }

  /** Its consumer gives it back, or is about to. */
  givesBack({ queue, id }: HeldHere): void {
    this.#claims.delete(placeOf(queue, id))
  }

  claims(kind: 'locked' | 'settled', by: string, held: readonly HeldHere[]): void {
    for (const { queue, id } of held) {
      this.#claims.set(placeOf(queue, id), { kind, by, connection: null })
    }
  }

  received(reader: ReaderRecord, payload: string): void {
    const id = idOf(payload)
    this.#sees(id, payload)
    const isAgain = this.#arrived.includes(id)
    if (isAgain && this.#sent.get(id)?.mayRepeat !== true) {
      this.violation(`${reader.clientId} received ${id} twice: ${payload}`)
    }
    const later = this.#arrived.find(
      other => keyOf(other) === keyOf(id) && numberOf(other) > numberOf(id),
    )
    if (later !== undefined && !isAgain && this.#terms.isInOrder) {
      this.violation(`${reader.clientId} received ${id} after ${later}`)
    }
    this.#arrived.push(id)
  }

  judge(): void {
    for (const id of this.#missing()) this.violation(`${id} was acknowledged and did not arrive`)
    for (const [id, fate] of this.#fates) {
      if (fate === 'none' && this.#seen.has(id)) {
        this.violation(`${id} was not committed, and somebody saw it`)
      }
    }
  }

  violation(sentence: string): void {
    this.#history.violation('transfer', sentence)
  }

  /** Notes the transactions that have published the message: a payload has its id, and theirs behind it. */
  #sees(id: string, payload: string): void {
    if (!this.#sent.has(id)) this.violation(`${payload} was received, and nobody published it`)
    const transactions = payload.split('|').slice(1)
    for (const each of transactions) if (each !== '') this.#seen.add(each)
  }

  #missing(): readonly string[] {
    const reader = this.#reader?.clientId ?? ''
    return [...this.#sent]
      .filter(([id, { isAccepted }]) => isAccepted && !this.#arrived.includes(id))
      .filter(([id]) => !this.#history.wasDropped(reader, { id }))
      .map(([id]) => id)
  }
}

/** A dead letter is in no other queue any more. */
function placeOf(queue: string, id: string): string {
  return `${queue.replace(DEAD, '')} ${id}`
}

/** A payload begins with the id of its message and a bar. */
export function idOf(payload: string): string {
  return payload.slice(0, payload.indexOf('|'))
}

/** Messages of a key are in order, where queues are. */
export function keyOf(id: string): string {
  return String(numberOf(id) % 3)
}

function numberOf(id: string): number {
  return Number(id.slice(1))
}
