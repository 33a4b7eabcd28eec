// Where this broker can be reached, and how many are connected there.

import type { ListenersAnswer } from '../../api/contract/administration.ts'
import { now } from '../app/answering.ts'
import { request } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { ask } from '../show/dialog.tsx'
import { count, counted, visible } from '../show/format.ts'
import { Action, Failure, Name, State } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

type Listener = ListenersAnswer['listeners'][number]

const COLUMNS: readonly Column<Listener>[] = [
  { label: 'Listener', cell: ({ name }) => <Name>{name}</Name> },
  { label: 'Protocol', cell: ({ protocol }) => protocol },
  {
    label: 'TLS',
    cell: ({ tls, mtls }) => (mtls ? 'with certificates of clients' : tls ? 'yes' : 'no'),
  },
  {
    label: 'Certificate',
    cell: ({ certificate }) => certificate && <Days certificate={certificate} />,
  },
  { label: 'Without a user', cell: row => (row.allow_anonymous ? 'may be let in' : 'refused') },
  { label: 'Connections', isNumber: true, isKey: true, cell: row => count(row.connections) },
]

const DAY_MS = 86_400_000
/** As the alarm has it. */
const FEW_DAYS = 14

function Days({ certificate }: { readonly certificate: NonNullable<Listener['certificate']> }) {
  const { subject, notAfter } = certificate
  const days = Math.floor((Date.parse(notAfter) - now.value) / DAY_MS)
  return (
    <>
      {days < 0 ? (
        <State level="fault">expired</State>
      ) : (
        <State level={days < FEW_DAYS ? 'warn' : 'ok'}>{`${counted(days, 'day')} left`}</State>
      )}
      <div class="small dim" title={notAfter}>
        {visible(subject)}
      </div>
    </>
  )
}

export function Listeners() {
  const { data, error, reload } = useResource<ListenersAnswer>('listeners')
  return (
    <section class="stack" aria-labelledby="listeners">
      <div class="head">
        <h2 id="listeners">Listeners</h2>
        <span class="actions">
          <Action onClick={() => askReload(reload)}>Reload files</Action>
        </span>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null && (
        <Table
          caption="Listeners"
          columns={COLUMNS}
          rows={data.listeners}
          keyOf={({ name }) => name}
        />
      )}
    </section>
  )
}

function askReload(changed: () => void): void {
  ask({
    title: 'Reload users, rules, keys and certificates?',
    verb: 'Reload',
    typed: null,
    body: (
      <p>
        Clients that have lost their right are disconnected. A file that is wrong changes nothing.
      </p>
    ),
    act: async () => {
      await request('config/reload', { method: 'POST', body: {} })
      changed()
    },
  })
}
