// Prepared transactions, which wait for the decision of their clients; an operator decides in their place.

import type { TransactionRow, TransactionsPage } from '../../api/contract/transactions.ts'
import { request } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { ask } from '../show/dialog.tsx'
import { count, counted, visible } from '../show/format.ts'
import { Action, At, ClientLink, Empty, Failure, Name, TopicLink } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const EVERY_SECONDS = 5

export function Prepared() {
  const { data, error, reload } = useResource<TransactionsPage>('transactions', EVERY_SECONDS)
  return (
    <>
      <Failure sentence={error} again={reload} />
      {data?.items.length === 0 && (
        <Empty>No transaction waits: a client prepares one with $tx/ID/prepare.</Empty>
      )}
      {data !== null && data.items.length > 0 && (
        <Table
          caption="Prepared transactions, the oldest first"
          columns={columnsOf(reload)}
          rows={data.items}
          keyOf={({ clientId, id }) => JSON.stringify([clientId, id])}
        />
      )}
      {data !== null && data.total > data.items.length && (
        <p class="dim">
          The oldest {count(data.items.length)} of {count(data.total)}.
        </p>
      )}
    </>
  )
}

function columnsOf(changed: () => void): readonly Column<TransactionRow>[] {
  return [
    { label: 'Client', cell: ({ clientId }) => <ClientLink id={clientId} /> },
    { label: 'Transaction', isKey: true, cell: ({ id }) => <Name>{id}</Name> },
    { label: 'Prepared', cell: ({ preparedAt }) => <At at={preparedAt} /> },
    { label: 'Aborted at', cell: ({ decideBy }) => <At at={decideBy} /> },
    { label: 'Messages', isNumber: true, cell: ({ messages }) => count(messages) },
    { label: 'Settles', isNumber: true, cell: ({ settles }) => count(settles) },
    { label: 'Topics', cell: ({ topics }) => <Topics topics={topics} /> },
    {
      label: '',
      cell: row => (
        <span class="actions">
          <Action onClick={() => askDecision('commit', row, changed)}>Commit</Action>
          <Action onClick={() => askDecision('abort', row, changed)}>Abort</Action>
        </span>
      ),
    },
  ]
}

function Topics({ topics }: Pick<TransactionRow, 'topics'>) {
  return (
    <>
      {topics.map((topic, index) => (
        <span key={topic}>
          {index > 0 && ', '}
          <TopicLink topic={topic} />
        </span>
      ))}
    </>
  )
}

function askDecision(
  decision: 'commit' | 'abort',
  { clientId, id, messages, settles }: TransactionRow,
  changed: () => void,
): void {
  const isCommit = decision === 'commit'
  const what = `${counted(messages, 'message')} ${messages === 1 ? 'is' : 'are'}`
  const ofQueues = settles === 0 ? '' : `, and ${counted(settles, 'message')} of queues`
  const published = isCommit
    ? `${what} published${ofQueues}${ofQueues && ' settled'}.`
    : `${what} not published${ofQueues}${ofQueues && ' given back'}.`
  ask({
    title: `${isCommit ? 'Commit' : 'Abort'} ${visible(id)} of ${visible(clientId)}?`,
    verb: isCommit ? 'Commit' : 'Abort',
    typed: null,
    body: (
      <p>
        {published} The client may have decided otherwise in its database: look there first. It
        cannot be undone.
      </p>
    ),
    act: async () => {
      await request(`transactions/${decision}`, { method: 'POST', body: { clientId, id } })
      changed()
    },
  })
}
