// What the tables hold, as the broker reads it at its start, and page by page later.

import type { Snapshot, StoredDelivery, StoredPartition, StoredSession } from 'pondhawk/store-kit'
import { identifiersBytes, type Remainder } from 'pondhawk/store-kit'
import {
  lockedPlace,
  placeOf,
  type SessionRow,
  type Tables,
  type WillRow,
  within,
} from './tables.ts'

const PAGE_MESSAGES = 256

export function snapshotOf(tables: Tables): Snapshot {
  const { root, sessions, wills, queues, retained, held, decisions, messageIds, messages } = tables
  const strangers = [...wills.getRange()].filter(({ key }) => !sessions.doesExist(key))
  return {
    sessions: [
      ...sessions.getRange().map(({ key, value }) => sessionOf(tables, key, value)),
      ...strangers.map(({ value }) => onlyWill(value)),
    ],
    groups: [...queues.getRange()].flatMap(({ key, value: { owner } }) => {
      const beginning = beginningOf(tables, key)
      if (owner.kind !== 'group' || beginning.deliveries.length === 0) return []
      const { kind: _, ...name } = owner
      return [{ ...name, ...beginning }]
    }),
    queues: [...queues.getRange()].flatMap(({ key, value: { owner, settings } }) =>
      owner.kind === 'queue' ? [{ name: owner.name, settings, ...beginningOf(tables, key) }] : [],
    ),
    held: [...held.getRange()].flatMap(({ key, value }) => {
      const message = messages.get(key)
      return message === undefined ? [] : [{ message, ...value }]
    }),
    decisions: [...decisions.getRange()].map(({ value }) => value),
    messageIds: [...messageIds.getRange()].map(({ value }) => value),
    partitions: partitionsIn(tables),
    locked: [...queues.getKeys()].flatMap(key => lockedIn(tables, key)),
    retained: [...retained.getRange()].flatMap(({ value }) => messages.get(value) ?? []),
    lastSequence: root.get('lastSequence') ?? 0,
    lastDelivery: root.get('lastDelivery') ?? 0,
  }
}

/** Those of which something is applied here, or that are owed something. */
function partitionsIn(tables: Tables): readonly StoredPartition[] {
  const reached = new Map(tables.partitions.getRange().map(({ key, value }) => [key, value]))
  for (const { key, value } of tables.queues.getRange()) {
    const { owner } = value
    if (owner.kind !== 'partition' || reached.has(owner.partition)) continue
    if (beginningOf(tables, key).deliveries.length === 0) continue
    reached.set(owner.partition, { partition: owner.partition, log: 0, number: 0 })
  }
  return [...reached.values()].map(reach => {
    const place = placeOf({ kind: 'partition', partition: reach.partition })
    return { ...reach, ...beginningOf(tables, place) }
  })
}

function lockedIn(tables: Tables, key: string): Snapshot['locked'] {
  return [...tables.waiting.getKeys(within(lockedPlace(key)))].flatMap(([, number]) => {
    const delivery = waitingIn(tables, Number(number))
    const lock = tables.deliveries.get(Number(number))?.lock
    return delivery === null || lock === undefined ? [] : [{ delivery, ...lock }]
  })
}

/** Returns queued deliveries with numbers above `after`, oldest first. */
export function pageOf(tables: Tables, place: string, after: number): readonly StoredDelivery[] {
  const page: StoredDelivery[] = []
  for (const [, delivery] of tables.waiting.getKeys(within(place, after))) {
    const row = waitingIn(tables, Number(delivery))
    if (row !== null) page.push(row)
    if (page.length === PAGE_MESSAGES) break
  }
  return page
}

/** Returns the highest number in the orders of deliveries and replays. */
export function lastOrder({ sent, replays }: Tables): number {
  let last = 0
  for (const [, order] of sent.getKeys()) last = Math.max(last, Number(order))
  for (const { value } of replays.getRange()) last = Math.max(last, value.order)
  return last
}

function sessionOf(tables: Tables, key: string, row: SessionRow): StoredSession {
  const { wills, subscriptions, replays, incoming, sent } = tables
  const will = wills.get(key)
  const waiting = beginningOf(tables, key)
  const inFlight = [...sent.getRange(within(key))].flatMap(
    ({ value }) => deliveryOf(tables, value) ?? [],
  )
  return {
    ...row,
    will: will?.will ?? null,
    willAt: will?.at ?? null,
    subscriptions: [...subscriptions.getRange(within(key))].map(({ value }) => value),
    replays: [...replays.getRange(within(key))]
      .map(({ value }) => value)
      .sort((one, other) => one.order - other.order)
      .map(({ filter, sequenceMax }) => ({ filter, sequenceMax })),
    deliveries: [...inFlight, ...waiting.deliveries],
    remainder: waiting.remainder,
    incoming: [...incoming.getKeys(within(key))].map(([, packetId]) => Number(packetId)),
  }
}

/** The will of a client whose session is not stored. */
function onlyWill({ clientId, identity, will, at }: WillRow): StoredSession {
  return {
    clientId,
    identity,
    expiryIntervalSeconds: 0,
    expiresAt: null,
    will,
    willAt: at,
    subscriptions: [],
    replays: [],
    deliveries: [],
    remainder: { messages: 0, bytes: 0 },
    incoming: [],
  }
}

/** Returns the first page of a queue, and the size of what is behind it. */
function beginningOf(
  tables: Tables,
  place: string,
): { deliveries: readonly StoredDelivery[]; remainder: Remainder } {
  const deliveries = pageOf(tables, place, 0)
  const remainder = { messages: 0, bytes: 0 }
  const after = deliveries.at(-1)?.delivery
  if (after === undefined) return { deliveries, remainder }
  for (const [, delivery] of tables.waiting.getKeys(within(place, after))) {
    const row = tables.deliveries.get(Number(delivery))
    if (row === undefined || row.isBegun) continue
    remainder.messages += 1
    remainder.bytes += identifiersBytes(row.identifiers)
    remainder.bytes += tables.references.get(row.sequence)?.bytes ?? 0
  }
  return { deliveries, remainder }
}

function waitingIn(tables: Tables, delivery: number): StoredDelivery | null {
  const row = tables.deliveries.get(delivery)
  return row === undefined || row.isBegun ? null : deliveryOf(tables, delivery)
}

function deliveryOf(tables: Tables, delivery: number): StoredDelivery | null {
  const row = tables.deliveries.get(delivery)
  if (row === undefined) return null
  const { sequence, qos, retain, identifiers, packetId, group, isReceived, handOuts } = row
  const message = isReceived ? null : (tables.messages.get(sequence) ?? null)
  return { delivery, message, qos, retain, identifiers, packetId, group, handOuts }
}
