// The keys of programs: listed, made and removed.

import type { ApiKey } from '../api-keys.ts'
import { deletedAnswer } from '../contract/clients.ts'
import { idQuery, keyAnswer, keyRequest, keysAnswer } from '../contract/sign-in.ts'
import type { ApiParts } from '../parts.ts'
import { OPERATORS, type Route, route } from '../route.ts'
import { isoOf, isoOrNull } from '../times.ts'

export function keyRoutes({ keys }: ApiParts): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/keys',
      roles: OPERATORS,
      summary: 'The keys of programs, without the keys themselves',
      answer: keysAnswer,
      handle: () => ({ items: keys.all.map(rowOf) }),
    }),
    route({
      method: 'POST',
      path: '/keys',
      roles: OPERATORS,
      summary: 'Makes a key for a program, which is shown this one time',
      body: keyRequest,
      answer: keyAnswer,
      status: 201,
      handle({ body }) {
        const { key, entry } = keys.add(body)
        return { ...rowOf(entry), key }
      },
    }),
    route({
      method: 'DELETE',
      path: '/keys',
      roles: OPERATORS,
      summary: 'Removes a key, by its id or its name: it counts no more',
      query: idQuery,
      answer: deletedAnswer,
      handle: ({ query }) => ({ deleted: keys.remove(query.id) ? 1 : 0 }),
    }),
  ]
}

function rowOf({ id, name, role, username, createdAt, lastUsedAt, expiresAt }: ApiKey) {
  return {
    ...{ id, name, role, username },
    createdAt: isoOf(createdAt),
    lastUsedAt: isoOrNull(lastUsedAt),
    expiresAt: isoOrNull(expiresAt),
  }
}
