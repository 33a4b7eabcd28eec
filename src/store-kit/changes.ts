// Example changes for the rules of the kit, and functions that query a store.

import type { Identity } from '../access/identity.ts'
import type { Message } from '../message.ts'
import { NO_PROPERTIES } from '../packet/packet.ts'
import type { Change, ChangeOf, Owner } from '../store/change.ts'
import type { Snapshot, Store, StoredDelivery, StoredSession } from '../store/store.ts'

type Subscription = ChangeOf<'subscribed'>['subscription']

/** The place of one store's data. */
export interface StorePlace {
  /** Returns a store that is not open yet, on the same data each time. */
  store(): Store
}

export const OPENED: Change = { kind: 'session-opened', clientId: 'bob', expiryIntervalSeconds: 60 }
export const BOB = { kind: 'session', clientId: 'bob' } as const
export const LOST = { kind: 'session', clientId: 'lost' } as const
export const QUEUE = { kind: 'queue', name: 'jobs' } as const
export const GROUP = { kind: 'group', shareName: 'g', topicFilter: 'jobs/#' } as const

export function subscriptionOf(filter: string): Subscription {
  return {
    filter,
    topicFilter: filter,
    shareName: null,
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: 0,
  }
}

/** A subscription of bob with a replay that has not ended. */
export function subscribedWithReplay(filter: string): readonly Change[] {
  const subscription = subscriptionOf(filter)
  return [
    { kind: 'subscribed', clientId: 'bob', subscription },
    { kind: 'replay-begun', clientId: 'bob', filter, sequenceMax: 1 },
  ]
}

export function identityOf(clientId: string, username: string | null = 'zoë'): Identity {
  return { clientId, username, address: '10.0.0.1', authentication: 'password' }
}

export function messageOf(sequence: number, parts: Partial<Message> = {}): Message {
  return {
    topic: `topic/${sequence}`,
    payload: Buffer.from(`payload ${sequence}`),
    qos: 2,
    retain: false,
    properties: NO_PROPERTIES,
    publisher: 'alice',
    expiresAt: Infinity,
    sequence,
    ...parts,
  }
}

export function stored(sequence: number, parts: Partial<Message> = {}): Change {
  return { kind: 'message-stored', message: messageOf(sequence, parts) }
}

export function queued(delivery: number, sequence: number, owner: Owner = BOB): Change {
  return {
    kind: 'queued',
    delivery,
    owner,
    sequence,
    qos: 2,
    retain: false,
    identifiers: [7],
    packetId: 0,
  }
}

export function sent(
  delivery: number,
  packetId: number,
  owner: Owner = BOB,
  clientId = 'bob',
): Change {
  const identifiers: readonly number[] = []
  return { kind: 'sent', delivery, owner, clientId, packetId, qos: 2, retain: false, identifiers }
}

export function pageOf(
  store: Store,
  owner: Owner,
  after: number,
): Promise<readonly StoredDelivery[]> {
  return new Promise((resolve, reject) => {
    store.page(owner, after, (error, page) => (error === null ? resolve(page) : reject(error)))
  })
}

export function committed(store: Store, ...changes: readonly Change[]): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const change of changes) store.record(change)
    store.commit(error => (error === null ? resolve() : reject(error)))
  })
}

/** Opens a store and returns its whole content, including all pages. */
export async function wholeOf(store: Store): Promise<Snapshot> {
  const snapshot = await store.open()
  const { sessions, groups, queues, partitions = [] } = snapshot
  return {
    ...snapshot,
    sessions: await Promise.all(
      sessions.map(session =>
        withPages(store, session, { kind: 'session', clientId: session.clientId }),
      ),
    ),
    groups: await Promise.all(
      groups.map(group => {
        const { shareName, topicFilter, where } = group
        const filtered = where === undefined ? {} : { where }
        return withPages(store, group, { kind: 'group', shareName, topicFilter, ...filtered })
      }),
    ),
    queues: await Promise.all(
      queues.map(queue => withPages(store, queue, { kind: 'queue', name: queue.name })),
    ),
    partitions: await Promise.all(
      partitions.map(each =>
        withPages(store, each, { kind: 'partition', partition: each.partition }),
      ),
    ),
  }
}

async function withPages<Line extends Pick<StoredSession, 'deliveries' | 'remainder'>>(
  store: Store,
  line: Line,
  owner: Owner,
): Promise<Line> {
  const deliveries = [...line.deliveries]
  const waiting = deliveries.filter(({ packetId }) => packetId === 0)
  let last = waiting.at(-1)?.delivery ?? 0
  for (let left = line.remainder.messages; left > 0;) {
    const page = await pageOf(store, owner, last)
    last = page.at(-1)?.delivery ?? last
    left -= Math.max(1, page.length)
    for (const delivery of page) deliveries.push(delivery)
  }
  return { ...line, deliveries, remainder: { messages: 0, bytes: 0 } }
}

/** Returns the content of a store that is opened after these commits. */
export async function after(
  place: StorePlace,
  ...groups: readonly (readonly Change[])[]
): Promise<Snapshot> {
  const store = place.store()
  await store.open()
  for (const changes of groups) await committed(store, ...changes)
  await store.close()
  const next = place.store()
  const snapshot = await wholeOf(next)
  await next.close()
  return snapshot
}
