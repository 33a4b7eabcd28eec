// What a timeline has of one client: kinds of events, and their form.

import type { EndedBy } from '../broker/observer.ts'

/** In the order of their numbers in memory. */
export const EVENT_KINDS = [
  'connected',
  'disconnected',
  'refused',
  'takeover',
  'session-expired',
  'subscribed',
  'unsubscribed',
  'subscribe-refused',
  'unsubscribe-refused',
  'subscription-revoked',
  'publish-refused',
  'publish-held',
  'dropped',
  'queue-filling',
  'slowed',
  'contested',
  'will-published',
  'fault',
] as const

export type EventKind = (typeof EVENT_KINDS)[number]

export const ENDERS: readonly (EndedBy | null)[] = [null, 'client', 'broker', 'network', 'takeover']

export interface TimelineEvent {
  /** When it happened first and last, in milliseconds since 1970. */
  readonly at: number
  readonly lastAt: number
  readonly count: number
  readonly kind: EventKind
  readonly by: EndedBy | null
  /** 0 where there is none. */
  readonly reasonCode: number
  /** The reason as a sentence, the reason of a drop, or the limit that was met. */
  readonly cause: string | null
  /** A topic, a filter or the other address of a takeover; of several, the first. */
  readonly topic: string | null
  readonly address: string | null
}

/** What has happened now. */
export interface Happening {
  readonly kind: EventKind
  readonly by?: EndedBy
  readonly reasonCode?: number
  readonly cause?: string | null
  readonly topic?: string | null
  readonly address?: string | null
}

/** Many of these differ only in their topic: then they count as equal, so that a client with many filters keeps its past. */
export const COUNTED_TOGETHER: ReadonlySet<EventKind> = new Set([
  'subscribed',
  'unsubscribed',
  'subscribe-refused',
  'subscription-revoked',
  'publish-refused',
  'publish-held',
  'dropped',
  'will-published',
])
