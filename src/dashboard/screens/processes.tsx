// The processes of the broker where sockets have processes of their own: what each does, and why one does not run.

import { useRef } from 'preact/hooks'
import type { FrontEndRow, StatusAnswer } from '../../api/contract/status.ts'
import { status } from '../app/live.ts'
import { bytes, count, sentence } from '../show/format.ts'
import { At, Name, State } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

interface Row {
  readonly name: string
  /** Null until there are two answers. */
  readonly cpuPercent: number | null
  readonly rssBytes: number
  /** Null for the core. */
  readonly frontEnd: FrontEndRow | null
}

const COLUMNS: readonly Column<Row>[] = [
  { label: 'Process', cell: ({ name }) => <Name>{name}</Name> },
  { label: 'State', cell: ({ frontEnd }) => <ProcessState frontEnd={frontEnd} /> },
  {
    label: 'Last failure',
    cell: ({ frontEnd }) => <LastFailure failure={frontEnd?.lastFailure ?? null} />,
  },
  {
    label: 'CPU',
    isNumber: true,
    cell: ({ cpuPercent }) => (cpuPercent === null ? '–' : `${count(cpuPercent)} %`),
  },
  { label: 'Memory', isNumber: true, cell: ({ rssBytes }) => bytes(rssBytes) },
  {
    label: 'Connections',
    isNumber: true,
    isKey: true,
    cell: ({ frontEnd }) => frontEnd && count(frontEnd.connections),
  },
]

function ProcessState({ frontEnd }: Pick<Row, 'frontEnd'>) {
  if (frontEnd !== null && frontEnd.pid === null) return <State level="fault">starts</State>
  return <State level="ok">runs</State>
}

function LastFailure({ failure }: { readonly failure: FrontEndRow['lastFailure'] }) {
  if (failure === null) return <>–</>
  return (
    <>
      {sentence(failure.cause)}
      <div class="small dim">
        <At at={failure.at} />
      </div>
    </>
  )
}

/** Nothing where the broker is one process. */
export function Processes() {
  const answer = status.value
  const answers = useRef<readonly StatusAnswer[]>([])
  if (answer === null || answer.frontEnds.length === 0) return null
  if (answer !== answers.current.at(-1)) answers.current = [...answers.current, answer].slice(-2)
  return (
    <section class="stack" aria-labelledby="processes">
      <h2 id="processes">Processes</h2>
      <Table
        caption="Processes"
        columns={COLUMNS}
        rows={rowsOf(answer, answers.current)}
        keyOf={({ name }) => name}
      />
    </section>
  )
}

function rowsOf(
  { cpuSeconds, rssBytes, frontEnds }: StatusAnswer,
  [before, after]: readonly StatusAnswer[],
): readonly Row[] {
  const seconds =
    before === undefined || after === undefined
      ? 0
      : (Date.parse(after.at) - Date.parse(before.at)) / 1_000
  const percent = (earlier: number | undefined, later: number): number | null =>
    earlier === undefined || seconds <= 0
      ? null
      : Math.max(0, Math.round(((later - earlier) * 100) / seconds))
  return [
    { name: 'core', cpuPercent: percent(before?.cpuSeconds, cpuSeconds), rssBytes, frontEnd: null },
    ...frontEnds.map((frontEnd, index) => ({
      name: frontEnd.name,
      cpuPercent: percent(before?.frontEnds[index]?.cpuSeconds, frontEnd.cpuSeconds),
      rssBytes: frontEnd.rssBytes,
      frontEnd,
    })),
  ]
}
