// Share groups: how many members each has, and what waits for them.

import type { GroupRow, GroupsAnswer } from '../../api/contract/administration.ts'
import { useResource } from '../app/resource.ts'
import { to } from '../app/route.ts'
import { bytes, count } from '../show/format.ts'
import { Empty, Failure, Name } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const EVERY_SECONDS = 5

const COLUMNS: readonly Column<GroupRow>[] = [
  {
    label: 'Group',
    cell: ({ shareName, filter, where }) => (
      <a href={to('queues', { shareName, filter, ...(where !== null && { where }) })}>
        <Name>{shareName}</Name>
      </a>
    ),
  },
  { label: 'Filter', cell: ({ filter }) => <Name>{filter}</Name> },
  { label: 'Expression', cell: ({ where }) => (where === null ? '' : <Name>{where}</Name>) },
  { label: 'Strategy', cell: ({ strategy }) => strategy },
  {
    label: 'Members',
    isNumber: true,
    cell: row => `${count(row.membersConnected)} of ${count(row.members)} connected`,
  },
  { label: 'Waiting', isNumber: true, isKey: true, cell: row => count(row.queuedMessages) },
  { label: 'Bytes', isNumber: true, cell: row => bytes(row.queuedBytes) },
]

export function Groups() {
  const { data, error, reload } = useResource<GroupsAnswer>('groups', EVERY_SECONDS)
  return (
    <>
      <Failure sentence={error} again={reload} />
      {data !== null &&
        (data.items.length === 0 ? (
          <Empty>
            Groups appear when a client subscribes to $share/NAME/FILTER: each message then goes to
            one of its members.
          </Empty>
        ) : (
          <Table
            caption="Share groups, the longest queues first"
            columns={COLUMNS}
            rows={data.items}
            keyOf={row => `${row.shareName}/${row.filter} ${row.where ?? ''}`}
          />
        ))}
      {data !== null && data.total > data.items.length && (
        <p class="dim">
          The first {count(data.items.length)} of {count(data.total)}.
        </p>
      )}
    </>
  )
}
