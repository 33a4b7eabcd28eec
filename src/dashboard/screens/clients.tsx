// All clients, connected and away, and those that were refused.

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { ClientRow } from '../../api/contract/clients.ts'
import { status } from '../app/live.ts'
import { change, to } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { bytes, count, visible } from '../show/format.ts'
import { At, Choice, ClientLink, Name, State } from '../show/parts.tsx'
import { type Column, List, useListing } from '../show/table.tsx'
import { Bans } from './bans.tsx'
import { Refused } from './refused.tsx'

const WAIT_MS = 250

const COLUMNS: readonly Column<ClientRow>[] = [
  { label: 'Client', sort: 'clientId', cell: ({ clientId }) => <ClientLink id={clientId} /> },
  {
    label: 'State',
    isKey: true,
    cell: ({ state }) => <State level={state === 'connected' ? 'ok' : 'away'}>{state}</State>,
  },
  {
    label: 'User',
    sort: 'username',
    cell: ({ username }) => (username === null ? '' : <Name>{username}</Name>),
  },
  {
    label: 'Address',
    sort: 'address',
    cell: ({ address }) => (address === '' ? '' : <Name>{address}</Name>),
  },
  {
    label: 'Subscriptions',
    sort: 'subscriptions',
    isNumber: true,
    cell: row => count(row.subscriptions),
  },
  {
    label: 'Queued',
    sort: 'queuedMessages',
    isNumber: true,
    cell: row => <span title={bytes(row.queuedBytes)}>{count(row.queuedMessages)}</span>,
  },
  {
    label: 'Dropped',
    sort: 'dropped',
    isNumber: true,
    cell: ({ dropped }) => count(Object.values(dropped).reduce((sum, each) => sum + each, 0)),
  },
  {
    label: 'Since',
    sort: 'connectedAt',
    isNumber: true,
    cell: ({ connectedAt }) => <At at={connectedAt} />,
  },
]

export default function Clients({ query }: ScreenProps) {
  const state = query.get('state') ?? ''
  const current = status.value
  const away = current === null ? null : Math.max(0, current.sessions - current.clientsConnected)
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>Clients</h1>
        <Choice
          label="Which clients"
          value={state}
          onChange={next => change({ state: next })}
          options={[
            ['', 'All'],
            ['connected', `Connected ${count(current?.clientsConnected)}`],
            ['away', `Away ${count(away)}`],
            ['refused', 'Refused'],
            ['banned', 'Banned'],
          ]}
        />
      </div>
      {state === 'refused' ? (
        <Refused />
      ) : state === 'banned' ? (
        <Bans />
      ) : (
        <ClientList query={query} state={state} />
      )}
    </div>
  )
}

function ClientList({ query, state }: ScreenProps & { readonly state: string }) {
  const q = query.get('q') ?? ''
  const sort = query.get('sort') ?? 'clientId'
  const queued = query.get('queued')
  const dropped = query.get('dropped')
  const listing = useListing<ClientRow>('clients', { q, state, sort, queued, dropped })
  return (
    <>
      <div class="row">
        <Filter value={q} />
        <label class="check">
          <input
            type="checkbox"
            checked={queued === '1'}
            onChange={event => change({ queued: event.currentTarget.checked ? '1' : null })}
          />
          Only with waiting messages
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={dropped === '1'}
            onChange={event => change({ dropped: event.currentTarget.checked ? '1' : null })}
          />
          Only with dropped ones
        </label>
      </div>
      <List
        caption="Clients"
        listing={listing}
        columns={COLUMNS}
        keyOf={({ clientId }) => clientId}
        sorted={sort}
        onSort={next => change({ sort: next })}
        empty={
          q === '' && queued === null && dropped === null && state === '' ? (
            'Clients appear here when they connect. Sessions that outlive their connection stay.'
          ) : (
            <NoneFound q={q} />
          )
        }
      />
    </>
  )
}

function Filter({ value }: { readonly value: string }) {
  const text = useSignal(value)
  useEffect(() => {
    if (text.value === value) return
    const timer = setTimeout(() => change({ q: text.value }), WAIT_MS)
    return () => clearTimeout(timer)
  }, [text.value, value, text])
  return (
    <label class="grow">
      Part of a client id, user or address
      <input
        type="search"
        value={text.value}
        spellcheck={false}
        autocomplete="off"
        onInput={event => (text.value = event.currentTarget.value)}
      />
    </label>
  )
}

/** Who was refused is not listed here, but may be looked for here. */
function NoneFound({ q }: { readonly q: string }) {
  if (q === '') return <>No client is so.</>
  return (
    <>
      No client is so. It may have been <a href={to('clients', { state: 'refused' })}>refused</a>,
      or be gone: <a href={to('client', { id: q })}>what is known of {visible(q)}</a>.
    </>
  )
}
