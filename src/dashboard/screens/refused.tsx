// Who was refused at CONNECT, why, and what lets it in.

import type { RefusedRow } from '../../api/contract/records.ts'
import { ask } from '../show/dialog.tsx'
import { count, sentence, visible } from '../show/format.ts'
import { Action, At, ClientLink, Name } from '../show/parts.tsx'
import { type Column, List, useListing } from '../show/table.tsx'
import { makeUser } from './users.tsx'

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
        row.reasonCode === BAD_USER_NAME_OR_PASSWORD && (
          <Action onClick={() => askApprove(row, listing.reload)}>Approve</Action>
        ),
    },
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

function askApprove({ clientId, username }: RefusedRow, changed: () => void): void {
  let wanted = username ?? clientId
  ask({
    title: `Let ${visible(clientId)} in?`,
    verb: 'Approve',
    typed: null,
    body: (
      <>
        <p>
          The user gets a password, which is shown once: give it to the client. If there is such a
          user, its old password counts no more.
        </p>
        <label>
          User
          <input
            defaultValue={wanted}
            spellcheck={false}
            autocomplete="off"
            onInput={event => (wanted = event.currentTarget.value)}
          />
        </label>
      </>
    ),
    act: async () => {
      await makeUser(wanted)
      changed()
    },
  })
}
