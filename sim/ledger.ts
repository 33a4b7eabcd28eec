// What was said and heard, written down outside of the broker: what the oracle judges by.
// A moment is the count of events that have happened in the world.

import type { Properties, QoS } from '../src/packet/packet.ts'
import type { SimWire } from './sim-wire.ts'

export interface Publication {
  readonly id: string
  readonly publisher: string
  /** Wills are published by the broker, if at all. */
  readonly kind: 'publish' | 'will'
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  readonly payload: Buffer
  readonly properties: Properties
  /** Place among all that this client published. */
  readonly order: number
  /** The moment before which nobody can have heard of it. */
  readonly sentAt: number
  readonly sentAtMs: number
  /** The wire that it went out on last; null for a will. */
  wire: SimWire | null
  attempts: number
  /** PUBACK or PUBREC came: from here on it must not be lost. */
  acceptedAt: number | null
  acceptedAtMs: number | null
  isRefused: boolean
  /** Of a will: it may have been published, it must be, or it must not. */
  fate: 'may' | 'must' | 'never'
}

export interface Request {
  readonly filter: string
  /** Without `$share/name/`. */
  readonly topicFilter: string
  readonly shareName: string | null
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  /** Subscription Identifier, 0 for none. No two requests of a world have the same. */
  readonly identifier: number
  readonly sentAt: number
  grantedAt: number | null
  isRefused: boolean
  /** From here on nothing is owed for it: UNSUBSCRIBE, or another SUBSCRIBE, was sent. */
  endedAt: number | null
  /** From here on it explains nothing any more: UNSUBACK, or the SUBACK of another SUBSCRIBE, came. */
  goneAt: number | null
}

/** What a session has heard of one publication. */
export interface Heard {
  /** As a live message: not counting retained ones of a new subscription. */
  readonly firstAt: number
  live: number
  /** Heard at QoS 2, without repetitions. */
  exactly: number
}

export interface SessionRecord {
  readonly clientId: string
  readonly number: number
  readonly isDurable: boolean
  readonly beganAt: number
  endedAt: number | null
  /** The wire of its last connection: the broker may believe in the session until that is closed. */
  wire: SimWire | null
  readonly requests: Request[]
  readonly heard: Map<Publication, Heard>
  /** The last one heard of each stream: publisher, topic and both QoS. */
  readonly streams: Map<string, number>
  /** It has, or had, a shared subscription. */
  isMember: boolean
}

export class Ledger {
  readonly publications: Map<string, Publication> = new Map()
  readonly sessions: SessionRecord[] = []
  /** Retained publications of each topic, in order. */
  readonly retained: Map<string, Publication[]> = new Map()
  readonly violations: string[] = []
  /** The moment from which on nothing that was heard before comes again: all was settled and committed. */
  allSettledAt = -1
  /** What the broker says that it has dropped, by client (empty for a share group) and publication. */
  readonly #dropped = new Set<string>()

  violation(rule: string, sentence: string): void {
    this.violations.push(`${rule}: ${sentence}`)
  }

  dropped(clientId: string | null, id: string): void {
    this.#dropped.add(`${clientId ?? ''} ${id}`)
  }

  wasDropped(clientId: string | null, { id }: Publication): boolean {
    return this.#dropped.has(`${clientId ?? ''} ${id}`)
  }

  published(publication: Publication): void {
    this.publications.set(publication.id, publication)
    if (!publication.retain) return
    const known = this.retained.get(publication.topic)
    if (known === undefined) this.retained.set(publication.topic, [publication])
    else known.push(publication)
  }

  sessionBegins(clientId: string, isDurable: boolean, moment: number): SessionRecord {
    const session: SessionRecord = {
      clientId,
      number: this.sessions.length + 1,
      isDurable,
      beganAt: moment,
      endedAt: null,
      wire: null,
      requests: [],
      heard: new Map(),
      streams: new Map(),
      isMember: false,
    }
    this.sessions.push(session)
    return session
  }
}

const ID_BYTES_MAX = 16

/** The publication that a payload belongs to: its id stands before the first bar. */
export function idIn(payload: Buffer): string {
  const bar = payload.indexOf(0x7c)
  return payload.toString('latin1', 0, bar < 0 ? Math.min(payload.length, ID_BYTES_MAX) : bar)
}

/** The moment after which it cannot begin to have an effect any more. */
export function lastEffectOf(publication: Publication): number {
  if (publication.kind === 'will') return publication.fate === 'never' ? -1 : Infinity
  if (publication.isRefused) return -1
  return publication.acceptedAt ?? publication.wire?.brokerClosedAt ?? Infinity
}

export function isAccepted(publication: Publication): boolean {
  if (publication.kind === 'will') return publication.fate === 'must'
  return publication.acceptedAt !== null && !publication.isRefused
}
