// Client ids that are refused for a time: listed, and let in again.

import { banQuery, bansAnswer } from '../contract/administration.ts'
import { deletedAnswer } from '../contract/clients.ts'
import { PAGE_MAX } from '../contract/fields.ts'
import type { ApiParts } from '../parts.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'
import { isoOf } from '../times.ts'

export function banRoutes({ core, now }: ApiParts): readonly Route[] {
  const { bans } = core.broker
  return [
    route({
      method: 'GET',
      path: '/bans',
      roles: READERS,
      summary: `Client ids that are refused for a time; ${PAGE_MAX} at most`,
      answer: bansAnswer,
      handle() {
        const items = [...bans.all(now())].slice(0, PAGE_MAX)
        return {
          items: items.map(({ clientId, until }) => ({
            clientId,
            until: isoOf(until),
          })),
        }
      },
    }),
    route({
      method: 'DELETE',
      path: '/bans',
      roles: OPERATORS,
      summary: 'Lets a client id in again',
      query: banQuery,
      answer: deletedAnswer,
      handle: ({ query }) => ({ deleted: bans.end(query.clientId) ? 1 : 0 }),
    }),
  ]
}
