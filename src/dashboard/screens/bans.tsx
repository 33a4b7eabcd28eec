// Client ids that are refused for a time, because an operator has disconnected them so.

import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { Action, At, ClientLink, Empty, Failure } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

interface Ban {
  readonly clientId: string
  readonly until: string
}

const EVERY_SECONDS = 5

export function Bans() {
  const { data, error, reload } = useResource<{ readonly items: readonly Ban[] }>(
    'bans',
    EVERY_SECONDS,
  )
  const columns: readonly Column<Ban>[] = [
    { label: 'Client', cell: ({ clientId }) => <ClientLink id={clientId} /> },
    { label: 'Until', isNumber: true, isKey: true, cell: ({ until }) => <At at={until} /> },
    {
      label: '',
      cell: ({ clientId }) => <Action onClick={() => lift(clientId, reload)}>Let in again</Action>,
    },
  ]
  return (
    <>
      <Failure sentence={error} again={reload} />
      {data !== null &&
        (data.items.length === 0 ? (
          <Empty>
            No client is banned. Who disconnects a client can refuse it for ten minutes.
          </Empty>
        ) : (
          <Table
            caption="Banned clients"
            columns={columns}
            rows={data.items}
            keyOf={({ clientId }) => clientId}
          />
        ))}
    </>
  )
}

async function lift(clientId: string, changed: () => void): Promise<void> {
  await request(withQuery('bans', { clientId }), { method: 'DELETE' })
  changed()
}
