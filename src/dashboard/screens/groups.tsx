// Share groups: how many members each has, and what waits for them; one of them with its members.

import type { GroupDetail, GroupRow, GroupsAnswer } from '../../api/contract/administration.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { to } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { ask } from '../show/dialog.tsx'
import { bytes, count, visible } from '../show/format.ts'
import { Action, ClientLink, Empty, Facts, Failure, Name, State } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const EVERY_SECONDS = 5

const COLUMNS: readonly Column<GroupRow>[] = [
  {
    label: 'Group',
    cell: ({ shareName, filter }) => (
      <a href={to('queues', { shareName, filter })}>
        <Name>{shareName}</Name>
      </a>
    ),
  },
  { label: 'Filter', cell: ({ filter }) => <Name>{filter}</Name> },
  { label: 'Strategy', cell: ({ strategy }) => strategy },
  {
    label: 'Members',
    isNumber: true,
    cell: row => `${count(row.membersConnected)} of ${count(row.members)} connected`,
  },
  { label: 'Waiting', isNumber: true, isKey: true, cell: row => count(row.queuedMessages) },
  { label: 'Bytes', isNumber: true, cell: row => bytes(row.queuedBytes) },
]

export default function Groups({ query }: ScreenProps) {
  const shareName = query.get('shareName')
  const filter = query.get('filter')
  if (shareName === null || filter === null) return <All />
  return <One shareName={shareName} filter={filter} />
}

function All() {
  const { data, error, reload } = useResource<GroupsAnswer>('groups', EVERY_SECONDS)
  return (
    <div class="stack">
      <h1 tabIndex={-1}>Share groups</h1>
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
            keyOf={row => `${row.shareName}/${row.filter}`}
          />
        ))}
      {data !== null && data.total > data.items.length && (
        <p class="dim">
          The first {count(data.items.length)} of {count(data.total)}.
        </p>
      )}
    </div>
  )
}

interface OneProps {
  readonly shareName: string
  readonly filter: string
}

type Member = GroupDetail['clients'][number]

function One({ shareName, filter }: OneProps) {
  const path = withQuery('group', { shareName, filter })
  const { data, error, reload } = useResource<GroupDetail>(path, EVERY_SECONDS)
  const columns: readonly Column<Member>[] = [
    { label: 'Member', cell: ({ clientId }) => <ClientLink id={clientId} /> },
    {
      label: 'State',
      isKey: true,
      cell: ({ state }) => <State level={state === 'connected' ? 'ok' : 'away'}>{state}</State>,
    },
    { label: 'QoS', isNumber: true, cell: ({ qos }) => qos },
    { label: 'In flight', isNumber: true, cell: ({ inFlight }) => count(inFlight) },
    { label: 'Weight', isNumber: true, cell: ({ weight }) => count(weight) },
    {
      label: '',
      cell: row =>
        data?.strategy === 'weighted' && (
          <Action onClick={() => askWeight({ shareName, filter }, row, reload)}>Weight</Action>
        ),
    },
  ]
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>
          <Name>{`$share/${shareName}/${filter}`}</Name>
        </h1>
        <span class="actions">
          <a class="button" href={to('queues')}>
            All groups
          </a>
        </span>
      </div>
      <Failure sentence={error} again={reload} />
      {data !== null && (
        <>
          <Facts
            rows={[
              ['Strategy', data.strategy],
              ['Waiting', `${count(data.queuedMessages)}, ${bytes(data.queuedBytes)}`],
            ]}
          />
          <Table
            caption="Members"
            columns={columns}
            rows={data.clients}
            keyOf={({ clientId }) => clientId}
          />
        </>
      )}
    </div>
  )
}

function askWeight(group: OneProps, { clientId, weight }: Member, changed: () => void): void {
  let wanted = weight
  ask({
    title: `The weight of ${visible(clientId)}`,
    verb: 'Change',
    typed: null,
    isHarmless: true,
    body: (
      <label>
        A member of weight 2 gets twice as many messages as one of weight 1
        <input
          type="number"
          min={1}
          max={1_000}
          defaultValue={weight}
          onInput={event => (wanted = Number(event.currentTarget.value))}
        />
      </label>
    ),
    act: async () => {
      const path = withQuery('group/member', { ...group, clientId })
      await request(path, { method: 'PUT', body: { weight: wanted } })
      changed()
    },
  })
}
