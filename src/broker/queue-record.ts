// A named queue as the store keeps it: JSON.

import { type QueueSettings, storedSettings } from '../routing/queue-settings.ts'

/** Who made a queue. `user`: the user, or the address of a client without one. */
export type Maker =
  | { readonly kind: 'operator' }
  | { readonly kind: 'subscriber'; readonly user: string }
  /** It was needed for the dead letters of another. */
  | { readonly kind: 'dead-letters' }

export interface QueueRecord {
  readonly settings: QueueSettings
  readonly maker: Maker
  /** Since when it has had no subscription, in milliseconds; null while it has one. */
  readonly idleSince: number | null
}

export function writtenRecord({ settings, maker, idleSince }: QueueRecord): string {
  return JSON.stringify({ settings, maker, idleSince })
}

/** What cannot be read has its default, so that a newer version's queue is a queue. */
export function readRecord(name: string, written: string): QueueRecord {
  const { settings, maker, idleSince } = objectIn(JSON.parse(written))
  return {
    settings: storedSettings(name, objectIn(settings)),
    maker: makerIn(objectIn(maker)),
    idleSince: typeof idleSince === 'number' ? idleSince : null,
  }
}

function makerIn({ kind, user }: Readonly<Record<string, unknown>>): Maker {
  if (kind === 'subscriber' && typeof user === 'string') return { kind, user }
  return kind === 'dead-letters' ? { kind } : { kind: 'operator' }
}

function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {}
}
