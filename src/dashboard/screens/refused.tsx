// Who was refused at CONNECT, why, and what lets it in.

import type { RefusedRow } from '../../api/contract/records.ts'
import { count, visible } from '../show/format.ts'
import { At, ClientLink, Name } from '../show/parts.tsx'
import { type Column, List, useListing } from '../show/table.tsx'

export function Refused() {
  const listing = useListing<RefusedRow>('refused', {}, 1)
  const columns: readonly Column<RefusedRow>[] = [
    { label: 'Client', cell: ({ clientId }) => <ClientLink id={clientId} /> },
    { label: 'User', cell: ({ username }) => (username === null ? '' : <Name>{username}</Name>) },
    { label: 'Address', cell: ({ address }) => <Name>{address}</Name> },
    {
      label: 'Why, and what lets it in',
      cell: ({ cause, mend }) => (
        <>
          {visible(cause)}
          <div class="small dim">{visible(mend)}</div>
        </>
      ),
    },
    { label: 'Times', isNumber: true, isKey: true, cell: row => count(row.count) },
    { label: 'Last', isNumber: true, cell: ({ lastAt }) => <At at={lastAt} /> },
  ]
  return (
    <List
      caption="Refused clients"
      listing={listing}
      columns={columns}
      keyOf={row => `${row.address} ${row.clientId} ${row.cause}`}
      empty="Nobody was refused. Clients that try in vain to connect appear here, with the reason."
    />
  )
}
