// Prepared transactions: which wait, and what an operator decides in place of their clients.

import type { Undecided } from '../../broker/transactions/undecided.ts'
import {
  decidedAnswer,
  TOPICS_MAX,
  transactionBody,
  transactionsPage,
  transactionsQuery,
  type TransactionRow,
} from '../contract/transactions.ts'
import { found, pageWith } from '../listing.ts'
import type { ApiParts } from '../parts.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'

type Prepared = Undecided['all'][number]

export function transactionRoutes({ core, scans }: ApiParts): readonly Route[] {
  const { broker, commands } = core
  const { undecided } = broker.transactions
  const deciding = (decision: 'commit' | 'abort', summary: string): Route =>
    route({
      method: 'POST',
      path: `/transactions/${decision}`,
      roles: OPERATORS,
      summary,
      body: transactionBody,
      answer: decidedAnswer,
      handle: async ({ body: { clientId, id } }) => ({
        decided: (await commands.decideTransaction(clientId, id, decision)) ? 1 : 0,
      }),
    })
  return [
    route({
      method: 'GET',
      path: '/transactions',
      roles: READERS,
      summary: 'Prepared transactions that wait for a decision, the oldest first',
      query: transactionsQuery,
      answer: transactionsPage,
      handle: ({ query: { limit, cursor } }) =>
        scans.run(async slice => {
          const listing = {
            ...{ limit, cursor, isDescending: false, order: 'preparedAt' },
            valueOf: ({ at }: Prepared) => at,
            keyOf: ({ clientId, id }: Prepared) => `${clientId}\0${id.text}`,
            isMeant: () => true,
          }
          const rows = await found(undecided.all, listing, slice)
          return pageWith(rows, listing, prepared => rowOf(prepared, undecided))
        }),
    }),
    deciding('commit', 'Commits a prepared transaction in place of its client'),
    deciding('abort', 'Aborts a prepared transaction in place of its client'),
  ]
}

function rowOf(prepared: Prepared, undecided: Undecided): TransactionRow {
  const { clientId, id, messages, bytes, at } = prepared
  return {
    clientId,
    id: id.text,
    messages: messages.length,
    topics: [...new Set(messages.map(({ topic }) => topic))].slice(0, TOPICS_MAX),
    settles: undecided.settles(prepared),
    bytes,
    preparedAt: new Date(at).toISOString(),
    decideBy: new Date(undecided.decideBy(prepared)).toISOString(),
  }
}
