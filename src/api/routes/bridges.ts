// Bridges to other brokers, and how they are.

import { bridgesAnswer } from '../contract/administration.ts'
import type { ApiParts } from '../parts.ts'
import { READERS, type Route, route } from '../route.ts'
import { isoOf } from '../times.ts'

export function bridgeRoutes({ bridges }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/bridges',
      roles: READERS,
      summary: 'Bridges to other brokers, and how they are',
      answer: bridgesAnswer,
      handle: () => ({
        items: bridges().map(bridge => ({ ...bridge, since: isoOf(bridge.since) })),
      }),
    }),
  ]
}
