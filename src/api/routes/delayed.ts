// Delayed messages: which there are, and how one is cancelled.

import type { DelayedMessage } from '../../broker/delayed-heap.ts'
import { deletedAnswer } from '../contract/clients.ts'
import {
  delayedDeleteQuery,
  delayedPage,
  delayedQuery,
  type DelayedRow,
} from '../contract/delayed.ts'
import { found, pageWith } from '../listing.ts'
import type { ApiParts } from '../parts.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'

export function delayedRoutes({ core, scans }: ApiParts): readonly Route[] {
  const { broker, commands } = core
  return [
    route({
      method: 'GET',
      path: '/delayed',
      roles: READERS,
      summary: 'Messages to $delayed/ that are not due, the next one first',
      query: delayedQuery,
      answer: delayedPage,
      handle: ({ query: { limit, cursor } }) =>
        scans.run(async slice => {
          const listing = {
            ...{ limit, cursor, isDescending: false, order: 'dueAt' },
            valueOf: ({ due }: DelayedMessage) => due,
            keyOf: ({ message }: DelayedMessage) => String(message.sequence).padStart(16, '0'),
            isMeant: () => true,
          }
          return pageWith(await found(broker.delayed.all, listing, slice), listing, rowOf)
        }),
    }),
    route({
      method: 'DELETE',
      path: '/delayed',
      roles: OPERATORS,
      summary: 'Cancels a delayed message; `deleted` is 0 if there is none with this number',
      query: delayedDeleteQuery,
      answer: deletedAnswer,
      handle: async ({ query: { id } }) => ({
        deleted: (await commands.cancelDelayed(id)) ? 1 : 0,
      }),
    }),
  ]
}

function rowOf({ message, due, key }: DelayedMessage): DelayedRow {
  const { sequence, topic, publisher, qos, retain, payload } = message
  return {
    ...{ id: sequence, topic, publisher, qos, retain },
    dueAt: new Date(due).toISOString(),
    payloadBytes: payload.length,
    // The client id stands before it.
    key: key === null ? null : key.slice(key.indexOf('\0') + 1),
  }
}
