// What happens to one client or one topic from now on, packet by packet.

import type { LinesAnswer } from '../../api/contract/records.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { go, to } from '../app/route.ts'
import type { ScreenProps } from '../app/screens.ts'
import { bytes, count, counted, visible } from '../show/format.ts'
import { Action, At, ClientLink, Failure, State, TopicLink } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

type Line = LinesAnswer['lines'][number] & { readonly number: number }

const COLUMNS: readonly Column<Line>[] = [
  { label: 'Time', cell: ({ at }) => <At at={at} /> },
  {
    label: 'Client',
    cell: ({ clientId }) => (clientId === null ? '' : <ClientLink id={clientId} />),
  },
  {
    label: 'What',
    isKey: true,
    cell: ({ kind, direction }) => (
      <code>
        {direction === null ? '' : direction === 'in' ? '→ ' : '← '}
        {kind}
      </code>
    ),
  },
  {
    label: 'Topic',
    cell: ({ topic }) => (topic === null ? '' : <TopicLink topic={topic} />),
  },
  { label: 'Text', cell: ({ text }) => visible(text) },
  {
    label: 'Payload',
    cell: ({ payload }) => (payload === null ? '' : <code>{visible(payload)}</code>),
  },
  {
    label: 'Size',
    isNumber: true,
    cell: ({ payloadBytes }) => (payloadBytes === null ? '' : bytes(payloadBytes)),
  },
]

export default function Trace({ query }: ScreenProps) {
  const id = query.get('id')
  return id === null ? <NoTrace /> : <OneTrace id={id} />
}

function NoTrace() {
  return (
    <div class="stack">
      <h1 tabIndex={-1}>Trace</h1>
      <p class="dim">
        A trace is begun with the button on the page of a client or with{' '}
        <a href={to('explain')}>Explain</a>.
      </p>
    </div>
  )
}

function OneTrace({ id }: { readonly id: string }) {
  const answer = useResource<LinesAnswer>(withQuery('trace', { id }), 1)
  const { data } = answer
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>Trace {data === null ? '' : ofWhat(data.trace)}</h1>
        {data !== null && (
          <State level={data.trace.isOver ? 'away' : 'ok'}>
            {data.trace.isOver ? 'over' : 'running'}
          </State>
        )}
        <span class="actions">
          <Action class="danger" onClick={() => stopped(id)}>
            Remove
          </Action>
        </span>
      </div>
      <Failure sentence={answer.error} again={answer.reload} />
      {data !== null && <Lines answer={data} />}
    </div>
  )
}

function Lines({ answer: { trace, lines } }: { readonly answer: LinesAnswer }) {
  const first = trace.lines - lines.length
  const rows = lines.map((line, index) => ({ ...line, number: first + index })).toReversed()
  return (
    <>
      <p class="dim">
        {counted(trace.lines, 'line')}, until <At at={trace.endsAt} />
        {trace.leftOut > 0 && `; ${count(trace.leftOut)} came too fast and are left out`}.
      </p>
      {rows.length === 0 ? (
        <p class="dim">Nothing has happened yet. This page goes on by itself.</p>
      ) : (
        <Table
          caption="Lines of the trace, the newest first"
          columns={COLUMNS}
          rows={rows}
          keyOf={({ number }) => String(number)}
        />
      )}
    </>
  )
}

function ofWhat({ clientId, filter }: LinesAnswer['trace']): string {
  return [clientId, filter].flatMap(each => (each === null ? [] : [visible(each)])).join(', ')
}

async function stopped(id: string): Promise<void> {
  await request(withQuery('traces', { id }), { method: 'DELETE' })
  go(to('explain'))
}
