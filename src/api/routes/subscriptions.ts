// `GET subscriptions`: those of a client, those that match a topic, or those with one filter.

import type { z as zod } from 'zod'
import type { Broker } from '../../broker/broker.ts'
import { topicMatches } from '../../routing/topic.ts'
import type { Subscription } from '../../routing/subscription.ts'
import { type SubscriptionRow, subscriptionsPage, subscriptionsQuery } from '../contract/clients.ts'
import { found, pageWith } from '../listing.ts'
import type { ApiParts } from '../parts.ts'
import { READERS, type Route, route } from '../route.ts'
import { noSuchClient } from './clients.ts'

interface Held {
  readonly clientId: string
  readonly subscription: Subscription
}

export function subscriptionRoutes({ core, scans }: ApiParts): readonly Route[] {
  const { broker } = core
  return [
    route({
      method: 'GET',
      path: '/subscriptions',
      roles: READERS,
      summary: 'The subscriptions of a client, those that match a topic, or those with a filter',
      query: subscriptionsQuery,
      answer: subscriptionsPage,
      handle: ({ query }) =>
        scans.run(async slice => {
          const listing = {
            ...{ limit: query.limit, cursor: query.cursor, isDescending: false },
            order: 'filter',
            valueOf: ({ subscription }: Held) => subscription.filter,
            keyOf: ({ clientId }: Held) => clientId,
            isMeant: filterOf(query),
          }
          const held = await found(subscriptionsIn(query, broker), listing, slice)
          return pageWith(held, listing, rowOf)
        }),
    }),
  ]
}

type Query = zod.infer<typeof subscriptionsQuery>

/** Throws Problem. */
function subscriptionsIn({ clientId, filter }: Query, broker: Broker): Iterable<Held | null> {
  if (clientId === undefined) return all(broker, filter)
  const session = broker.sessions.get(clientId)
  if (session === undefined) throw noSuchClient()
  return ofClient(clientId, session.subscriptions)
}

function* ofClient(
  clientId: string,
  subscriptions: ReadonlyMap<string, Subscription>,
): Iterable<Held> {
  for (const subscription of subscriptions.values()) yield { clientId, subscription }
}

/** With a filter each session has one at most, which is found by its key; null if it has none. */
function* all({ sessions }: Broker, filter: string | undefined): Iterable<Held | null> {
  for (const { clientId, subscriptions } of sessions.all()) {
    if (filter === undefined) yield* ofClient(clientId, subscriptions)
    else {
      const subscription = subscriptions.get(filter)
      yield subscription === undefined ? null : { clientId, subscription }
    }
  }
}

function filterOf({ topic }: Query): (held: Held) => boolean {
  if (topic === undefined) return () => true
  return ({ subscription }) => topicMatches(subscription.topicFilter, topic)
}

function rowOf({ clientId, subscription }: Held): SubscriptionRow {
  const { filter, shareName, qos, noLocal, retainAsPublished, retainHandling } = subscription
  const { identifier } = subscription
  return {
    ...{ clientId, filter, shareName, qos, noLocal, retainAsPublished, retainHandling },
    subscriptionId: identifier === 0 ? null : identifier,
    where: subscription.where ?? null,
    conflateMs: subscription.conflateMs ?? null,
  }
}
