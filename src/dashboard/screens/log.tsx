// The log as it is written: the last 2,000 lines, by level and by a word; and how much of it is written.

import { useSignal } from '@preact/signals'
import { useCallback, useEffect } from 'preact/hooks'
import type { LogLevelAnswer } from '../../api/contract/administration.ts'
import type { LogAnswer, LogLineRow } from '../../api/contract/records.ts'
import { request, withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { change } from '../app/route.ts'
import { isOperator } from '../app/session.ts'
import type { ScreenProps } from '../app/screens.ts'
import { useFrames, useWanted } from '../app/stream.ts'
import { visible } from '../show/format.ts'
import { At, Choice, ClientLink, Failure, type Level, State } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const SHOWN_MAX = 2_000
const FIRST_LINES = 200
/** New lines come by the stream. */
const NEVER_SECONDS = 86_400

type LogLevel = LogLineRow['level']
const LEVELS: Readonly<Record<LogLevel, Level>> = {
  debug: 'away',
  info: 'ok',
  warn: 'warn',
  error: 'fault',
}
const LEVEL_NAMES = ['debug', 'info', 'warn', 'error'] as const

interface Line extends LogLineRow {
  readonly number: number
}

const COLUMNS: readonly Column<Line>[] = [
  { label: 'Time', cell: ({ at }) => <At at={at} /> },
  {
    label: 'Level',
    isKey: true,
    cell: ({ level }) => <State level={LEVELS[level]}>{level}</State>,
  },
  {
    label: 'Event',
    cell: ({ event }) => (event === null ? '' : <code class="event">{visible(event)}</code>),
  },
  {
    label: 'Client',
    cell: ({ clientId }) => (clientId === null ? '' : <ClientLink id={clientId} />),
  },
  {
    label: 'Text',
    cell: ({ text, details }) => <span title={visible(details)}>{visible(text)}</span>,
  },
]

export default function Log({ query }: ScreenProps) {
  const level = LEVEL_NAMES.find(name => name === query.get('level')) ?? 'info'
  const q = query.get('q') ?? ''
  const { lines, error, reload } = useLines(level, q)
  return (
    <div class="stack">
      <div class="head">
        <h1 tabIndex={-1}>Log</h1>
        <span class="actions">
          <Written />
        </span>
      </div>
      <div class="row">
        <Choice
          label="From which level on"
          value={level}
          onChange={next => change({ level: next })}
          options={LEVEL_NAMES.map(name => [name, name] as const)}
        />
        <label class="grow">
          Part of a text, a client id or a detail
          <input
            type="search"
            value={q}
            spellcheck={false}
            onInput={event => change({ q: event.currentTarget.value })}
          />
        </label>
      </div>
      <Failure sentence={error} again={reload} />
      {lines.length === 0 ? (
        <p class="dim">Lines appear here as they are written.</p>
      ) : (
        <Table
          caption="Log, the newest line first"
          columns={COLUMNS}
          rows={lines}
          keyOf={({ number }) => String(number)}
        />
      )}
    </div>
  )
}

/** Lines that were written before, and those that come. */
function useLines(level: LogLevel, q: string) {
  const before = useResource<LogAnswer>(
    withQuery('log', { level, q, limit: FIRST_LINES }),
    NEVER_SECONDS,
  )
  const lines = useSignal<readonly Line[]>([])
  useEffect(() => {
    lines.value = (before.data?.items ?? []).map((line, index) => ({ ...line, number: -index }))
  }, [before.data, lines])
  useWanted('log', level)
  const add = useCallback(
    (line: LogLineRow) => {
      const all = `${line.text} ${line.clientId ?? ''} ${line.details}`.toLowerCase()
      if (!all.includes(q.toLowerCase())) return
      const number = (lines.peek()[0]?.number ?? 0) + 1
      lines.value = [{ ...line, number }, ...lines.peek()].slice(0, SHOWN_MAX)
    },
    [lines, q],
  )
  useFrames('log', add)
  return { lines: lines.value, error: before.error, reload: before.reload }
}

/** The level from which on lines are written at all. */
function Written() {
  const { data, reload } = useResource<LogLevelAnswer>(isOperator.value ? 'log/level' : null, 60)
  if (data === null) return null
  const set = async (level: string): Promise<void> => {
    await request('log/level', { method: 'PUT', body: { level } }).catch(() => null)
    reload()
  }
  return (
    <label>
      Lines are written from
      <select value={data.level} onChange={event => void set(event.currentTarget.value)}>
        {[...LEVEL_NAMES, 'silent'].map(name => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  )
}
