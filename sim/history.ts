// What clients sent and received, recorded outside of the broker. The oracle judges by it.
// A moment is the number of events that have run in the world.

import type { Properties, QoS } from '../src/packet/packet.ts'
import { topicMatches } from '../src/routing/topic.ts'
import type { Expression } from './expressions.ts'
import type { SimWire } from './sim-wire.ts'

export interface Publication {
  readonly id: string
  readonly publisher: string
  /** The client sends a `publish`. A `will` is published by the broker, or never. */
  readonly kind: 'publish' | 'will'
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  /** The broker publishes it so many seconds later; null for at once. */
  readonly delaySeconds: number | null
  readonly payload: Buffer
  readonly properties: Properties
  /** The position among all publications of this client. */
  readonly order: number
  /** Nobody can have received it before this moment. */
  readonly sentAt: number
  readonly sentAtMs: number
  /** The wire on which it was sent last; null for a will. */
  wire: SimWire | null
  attempts: number
  /** The moment of PUBACK or PUBREC: from then on the message must not be lost. */
  acceptedAt: number | null
  acceptedAtMs: number | null
  isRefused: boolean
  /** Whether it may be retained long after its connection has ended, if it was not acknowledged. */
  mayBeLate: boolean
  /** For a will: whether the broker may, must or must never publish it. */
  fate: 'may' | 'must' | 'never'
}

export interface Request {
  readonly filter: string
  /** The filter without `$share/name/`. */
  readonly topicFilter: string
  readonly shareName: string | null
  readonly qos: QoS
  readonly noLocal: boolean
  /** Null for all messages that match the filter. */
  readonly where: Expression | null
  /** 0 for all messages, also if there are several in an interval. */
  readonly conflateMs: number
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  /** Subscription Identifier, 0 for none. No two requests of a world have the same. */
  readonly identifier: number
  readonly sentAt: number
  grantedAt: number | null
  isRefused: boolean
  /** The moment of UNSUBSCRIBE, or of another SUBSCRIBE: from then on no message needs to be delivered for this request. */
  endedAt: number | null
  /** The moment of UNSUBACK, or of the SUBACK of another SUBSCRIBE: from then on it is no reason for a new delivery. */
  goneAt: number | null
}

/** How often a session has received one publication. */
export interface Received {
  /** The moment of the first delivery. */
  readonly firstAt: number
  lastAt: number
  live: number
  /** Live deliveries at QoS 2, without repetitions. */
  exactly: number
}

export interface SessionRecord {
  readonly clientId: string
  readonly number: number
  readonly isDurable: boolean
  readonly beganAt: number
  endedAt: number | null
  /** The wire of its last connection: until it is closed the broker may take the client for connected. */
  wire: SimWire | null
  readonly requests: Request[]
  readonly received: Map<Publication, Received>
  /** The last one received of each stream, by publisher, topic and both QoS. */
  readonly streams: Map<string, number>
  /** Whether it has, or had, a shared subscription. */
  isMember: boolean
}

export class History {
  readonly publications: Map<string, Publication> = new Map()
  readonly sessions: SessionRecord[] = []
  /** Publications with RETAIN by topic, in order. */
  readonly retained: Map<string, Publication[]> = new Map()
  readonly violations: string[] = []
  /** All exchanges were settled and committed at this moment: nothing that was received before it may come again. */
  allSettledAt = -1
  /** The ids of what operators purged from named queues. */
  readonly purged = new Set<string>()
  isOfPartitions = false
  /** Whether a line to another partition may be so full that wills are dropped. */
  mayDropWills = false
  /** Whether the publisher and the session are of different partitions. */
  comesFromElsewhere: (publication: Publication, session: SessionRecord) => boolean = () => false
  /** Whether a retained message is kept by another partition than that of its publisher. */
  mayBeLate: (publication: Publication) => boolean = () => false
  /** Whether the publication may be lost for the session: a partition has started since, and the session survives no start. */
  mayBeLost: (publication: Publication, session: SessionRecord) => boolean = () => false
  /** What the broker reported as dropped, by client (empty for a share group) and publication. */
  readonly #dropped = new Set<string>()

  violation(rule: string, sentence: string): void {
    this.violations.push(`${rule}: ${sentence}`)
  }

  dropped(clientId: string | null, id: string): void {
    this.#dropped.add(`${clientId ?? ''} ${id}`)
  }

  wasDropped(clientId: string | null, { id }: Pick<Publication, 'id'>): boolean {
    return this.#dropped.has(`${clientId ?? ''} ${id}`)
  }

  published(publication: Publication): void {
    this.publications.set(publication.id, publication)
    if (!publication.retain) return
    publication.mayBeLate = this.mayBeLate(publication)
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
      received: new Map(),
      streams: new Map(),
      isMember: false,
    }
    this.sessions.push(session)
    return session
  }
}

const ID_BYTES_MAX = 16

/** Returns the id of the publication that a payload belongs to: the text before the first bar. */
export function idIn(payload: Buffer): string {
  const bar = payload.indexOf(0x7c)
  return payload.toString('latin1', 0, bar < 0 ? Math.min(payload.length, ID_BYTES_MAX) : bar)
}

/** Whether the filter matches, and the expression is true. */
export function wants(
  { topicFilter, where }: Pick<Request, 'topicFilter' | 'where'>,
  publication: Publication,
): boolean {
  return topicMatches(topicFilter, publication.topic) && (where?.isTrue(publication) ?? true)
}

/** Returns the last moment at which the broker can have begun to route it. */
export function lastEffectOf(publication: Publication): number {
  if (publication.kind === 'will') return publication.fate === 'never' ? -1 : Infinity
  if (publication.isRefused) return -1
  if (publication.delaySeconds !== null) return Infinity
  if (publication.acceptedAt === null && publication.mayBeLate) return Infinity
  return publication.acceptedAt ?? publication.wire?.brokerClosedAt ?? Infinity
}

/** Whether the broker publishes it by itself, at a time that no client knows. */
export function isPublishedLater({ kind, delaySeconds }: Publication): boolean {
  return kind === 'will' || delaySeconds !== null
}

export function isAccepted(publication: Publication): boolean {
  if (publication.kind === 'will') return publication.fate === 'must'
  return publication.acceptedAt !== null && !publication.isRefused
}
