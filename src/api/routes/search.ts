// `GET search`: what a word may mean.

import type { Broker } from '../../broker/broker.ts'
import { type SearchAnswer, searchAnswer, searchQuery } from '../contract/search.ts'
import type { ApiParts } from '../parts.ts'
import { READERS, type Route, route } from '../route.ts'
import type { Slice } from '../scans.ts'
import { isPartOf } from './clients.ts'

/** Of each kind. */
const ITEMS_MAX = 10
const STEPS_AT_ONCE = 64

type Item = SearchAnswer['items'][number]

export function searchRoutes({ core, scans }: ApiParts): readonly Route[] {
  const { broker } = core
  return [
    route({
      method: 'GET',
      path: '/search',
      roles: READERS,
      summary: 'Clients, users and topics with a retained message that a word is part of',
      query: searchQuery,
      answer: searchAnswer,
      handle: ({ query: { q } }) =>
        scans.run(async slice => {
          const clients = await clientsWith(q.toLowerCase(), broker, slice)
          const topics = await topicsWith(q, broker, slice)
          const items = [...clients.slice(0, ITEMS_MAX), ...topics.slice(0, ITEMS_MAX)]
          return { items, isComplete: items.length === clients.length + topics.length }
        }),
    }),
  ]
}

/** A client with exactly this id is the first. */
async function clientsWith(text: string, { sessions }: Broker, slice: Slice): Promise<Item[]> {
  const items: Item[] = []
  for (const session of sessions.all()) {
    if (slice.isOver) await slice.next()
    const { clientId, rights } = session
    const isExact = clientId.toLowerCase() === text
    if (!isExact && (items.length > ITEMS_MAX || !isPartOf(text, session))) continue
    const { username, address } = rights.identity
    const note = [username, address].filter(each => each !== null && each !== '').join(', ')
    const item: Item = { kind: 'client', name: clientId, note }
    if (isExact) items.unshift(item)
    else items.push(item)
  }
  return items
}

async function topicsWith(text: string, { retained }: Broker, slice: Slice): Promise<Item[]> {
  const items: Item[] = []
  const topics = retained.matching('#', Infinity)
  for (;;) {
    const message = topics.next(STEPS_AT_ONCE)
    if (message === null) return items
    if (slice.isOver) await slice.next()
    if (message === 'later' || !message.topic.includes(text)) continue
    items.push({ kind: 'topic', name: message.topic, note: `${message.payload.length} bytes` })
    if (items.length > ITEMS_MAX) return items
  }
}
