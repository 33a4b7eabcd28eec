// `POST drain`: lets no more clients in and disconnects all in waves.

import { drainAnswer, drainRequest } from '../contract/drain.ts'
import type { ApiParts } from '../parts.ts'
import { OPERATORS, type Route, route } from '../route.ts'

export function drainRoutes({ drain }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/drain',
      roles: OPERATORS,
      summary:
        'Lets no more clients in and disconnects all in waves, before a planned stop. It cannot be taken back',
      body: drainRequest,
      answer: drainAnswer,
      isUrgent: true,
      handle({ body }) {
        return { clientsConnected: drain(body.seconds) }
      },
    }),
  ]
}
