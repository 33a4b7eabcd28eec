// Messages that are published later.

import type { DelayedPage, DelayedRow } from '../../api/contract/delayed.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { ask } from '../show/dialog.tsx'
import { bytes, count, visible } from '../show/format.ts'
import { Action, At, ClientLink, Empty, Failure, TopicLink } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const EVERY_SECONDS = 5

export function Delayed() {
  const { data, error, reload } = useResource<DelayedPage>('delayed', EVERY_SECONDS)
  return (
    <>
      <Failure sentence={error} again={reload} />
      {data?.items.length === 0 && (
        <Empty>Messages appear when a client publishes to $delayed/SECONDS/TOPIC.</Empty>
      )}
      {data !== null && data.items.length > 0 && (
        <Table
          caption="Delayed messages, the next one first"
          columns={columnsOf(reload)}
          rows={data.items}
          keyOf={({ id }) => String(id)}
        />
      )}
      {data !== null && data.total > data.items.length && (
        <p class="dim">
          The next {count(data.items.length)} of {count(data.total)}.
        </p>
      )}
    </>
  )
}

function columnsOf(changed: () => void): readonly Column<DelayedRow>[] {
  return [
    { label: 'Topic', cell: ({ topic }) => <TopicLink topic={topic} /> },
    { label: 'Due', isKey: true, cell: ({ dueAt }) => <At at={dueAt} /> },
    {
      label: 'Publisher',
      cell: ({ publisher }) => (publisher === null ? '' : <ClientLink id={publisher} />),
    },
    { label: 'Size', isNumber: true, cell: ({ payloadBytes }) => bytes(payloadBytes) },
    { label: '', cell: row => <Action onClick={() => askCancel(row, changed)}>Cancel</Action> },
  ]
}

function askCancel({ id, topic }: DelayedRow, changed: () => void): void {
  ask({
    title: `Cancel the delayed message for ${visible(topic)}?`,
    verb: 'Cancel it',
    typed: null,
    body: <p>It is not published.</p>,
    act: async () => {
      await request(withQuery('delayed', { id }), { method: 'DELETE' })
      changed()
    },
  })
}
