// Who was refused at CONNECT, why, and what lets it in.

import type { RefusedRow } from '../../api/contract/records.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { count, sentence } from '../show/format.ts'
import { Action, At, ClientLink, Name, State } from '../show/parts.tsx'
import { type Column, List, Table, useListing } from '../show/table.tsx'
import { askApprove } from './approve.tsx'

const BAD_USER_NAME_OR_PASSWORD = 0x86

export function Refused() {
  const listing = useListing<RefusedRow>('refused', {}, 1)
  const columns: readonly Column<RefusedRow>[] = [
    { label: 'Client', cell: ({ clientId }) => <ClientLink id={clientId} /> },
    { label: 'User', cell: ({ username }) => (username === null ? '' : <Name>{username}</Name>) },
    { label: 'Address', cell: ({ address }) => <Name>{address}</Name> },
    {
      label: 'Why',
      cell: ({ cause, mend }) => (
        <>
          {sentence(cause)}
          <div class="small dim">{sentence(mend)}</div>
        </>
      ),
    },
    { label: 'Times', isNumber: true, isKey: true, cell: row => count(row.count) },
    { label: 'Last', isNumber: true, cell: ({ lastAt }) => <At at={lastAt} /> },
    {
      label: '',
      cell: row =>
        row.letInAt !== null ? (
          <State level="ok">let in by now</State>
        ) : (
          row.reasonCode === BAD_USER_NAME_OR_PASSWORD && (
            <Action onClick={() => askApprove(row, listing.reload)}>Approve</Action>
          )
        ),
    },
  ]
  return (
    <>
      <Awaited />
      <List
        caption="Refused clients"
        listing={listing}
        columns={columns}
        keyOf={row => `${row.address} ${row.clientId} ${row.cause}`}
        empty="Nobody was refused. Clients that try in vain to connect appear here, with the reason."
      />
    </>
  )
}

interface Approval {
  readonly clientId: string
  readonly username: string
  readonly address: string
}

/** Those whose next try is awaited. */
function Awaited() {
  const { data, reload } = useResource<{ readonly items: readonly Approval[] }>(
    'refused/approvals',
    2,
  )
  if (data === null || data.items.length === 0) return null
  const columns: readonly Column<Approval>[] = [
    { label: 'Client', cell: ({ clientId }) => <ClientLink id={clientId} /> },
    { label: 'User', cell: ({ username }) => <Name>{username}</Name> },
    { label: 'Address', isKey: true, cell: ({ address }) => <Name>{address}</Name> },
    {
      label: '',
      cell: approval => (
        <Action
          onClick={async () => {
            await request(withQuery('refused/approvals', { ...approval }), { method: 'DELETE' })
            reload()
          }}
        >
          Take back
        </Action>
      ),
    },
  ]
  return (
    <section class="stack">
      <h2>Approved, its next try is awaited</h2>
      <Table
        caption="Approved clients"
        columns={columns}
        rows={data.items}
        keyOf={({ clientId, username, address }) => `${address} ${username} ${clientId}`}
      />
    </section>
  )
}
