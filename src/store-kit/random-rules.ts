// The rule that finds what no other does: random changes, compared with the plain state.

import type { Snapshot, Store, StoredDelivery } from '../store/store.ts'
import type { Owner } from '../store/change.ts'
import { committed, pageOf, type StorePlace } from './changes.ts'
import { is } from './checks.ts'
import { DurableState } from './durable-state.ts'
import { inOrder, OWNERS, RandomChanges } from './random-changes.ts'

const OPENINGS = 4
const COMMITS_AN_OPENING = 50

export const RANDOM_RULES: Readonly<Record<string, (place: StorePlace) => Promise<void>>> = {
  'after random changes a store has what the plain state has, in its pages and in what it opens with':
    async place => {
      const random = new RandomChanges(1)
      const plain = new DurableState(Infinity)
      for (let opening = 0; opening < OPENINGS; opening++) {
        const store = place.store()
        is.strictSame(sorted(await store.open()), sorted(plain.snapshot()))
        for (let commit = 0; commit < COMMITS_AN_OPENING; commit++) {
          const changes = random.group()
          if (changes.length === 0) continue
          plain.apply(changes)
          await committed(store, ...changes)
        }
        for (const owner of OWNERS)
          is.strictSame(await allPages(store, owner), plain.page(owner, 0))
        await store.close()
        plain.forgetBegun()
      }
    },
}

async function allPages(store: Store, owner: Owner): Promise<readonly StoredDelivery[]> {
  const all: StoredDelivery[] = []
  for (;;) {
    const page = await pageOf(store, owner, all.at(-1)?.delivery ?? 0)
    if (page.length === 0) return all
    for (const delivery of page) all.push(delivery)
  }
}

/** Sorts what a store may return in any order. Deliveries in flight and replays have an order. */
function sorted(snapshot: Snapshot): Snapshot {
  const { sessions, retained, ...rest } = inOrder(snapshot)
  return {
    ...rest,
    sessions: sessions
      .map(session => ({
        ...session,
        subscriptions: session.subscriptions.toSorted((one, other) =>
          one.filter.localeCompare(other.filter),
        ),
        incoming: session.incoming.toSorted((one, other) => one - other),
      }))
      .toSorted((one, other) => one.clientId.localeCompare(other.clientId)),
    retained: retained.toSorted((one, other) => one.sequence - other.sequence),
  }
}
