// The figures of runs, side by side.

import type { CrashResult } from './crash-run.ts'

type Row = readonly [words: string, figure: (result: CrashResult) => string]

const ROWS: readonly Row[] = [
  ['kills', ({ kills }) => number(kills)],
  ['seconds', ({ seconds }) => number(Math.round(seconds))],
  ['acknowledged, QoS 1', result => number(result.ledger.checker.messages.acceptedQoS1)],
  ['acknowledged, QoS 2', result => number(result.ledger.checker.messages.acceptedQoS2)],
  ['publishes refused', result => number(result.ledger.checker.messages.refused)],
  ['deliveries heard', result => number(result.ledger.checker.deliveries.delivered)],
  ['QoS 1 heard again', result => number(result.ledger.checker.deliveries.repeated)],
  ['acknowledged and lost', result => number(result.ledger.checker.deliveries.lost)],
  [
    '  deliveries missed by them',
    result => number(result.ledger.checker.deliveries.lostDeliveries),
  ],
  ['QoS 2 duplicates', result => found(result, 'duplicate')],
  ['first deliveries out of order', result => found(result, 'order')],
  ['Session Present lies', result => found(result, 'session-lie')],
  ['retained wrong', result => found(result, 'retained')],
  ['  of questions', result => number(result.ledger.checker.retained.questionsAnswered)],
  ['wills wrong', result => found(result, 'will')],
  ['  of wills heard', result => number(result.ledger.checker.wills.published)],
  ['deleted and came back', result => found(result, 'came-back')],
  ['wrong bytes, unknown messages', wrongBytes],
  ['broker ended by itself', result => found(result, 'broker-fault')],
  ['first ack after start, median ms', result => number(quantile(result, 0.5))],
  ['first ack after start, most ms', result => number(quantile(result, 1))],
  ['at 95 %, kills that lose: below', bound],
]

export function table(results: readonly CrashResult[]): string {
  const columns = [['', ...ROWS.map(([words]) => words)]]
  for (const result of results)
    columns.push([result.name, ...ROWS.map(([, figure]) => figure(result))])
  const widths = columns.map(cells => Math.max(...cells.map(({ length }) => length)))
  const lines = (columns[0] ?? []).map((_, row) => {
    const cells = columns.map((column, index) => {
      const cell = column[row] ?? ''
      const width = widths[index] ?? 0
      return index === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return cells.join('  ').trimEnd()
  })
  return `${lines.join('\n')}\n`
}

/** The most telling sentences of a run. */
export function sentencesOf({ ledger, name }: CrashResult, most: number): string {
  const { checker } = ledger
  const shown = checker.findings.slice(0, most)
  const lines = shown.map(({ kind, at, sentence }) => `  line ${at}, ${kind}: ${sentence}`)
  const rest = checker.count() - shown.length
  if (rest > 0) lines.push(`  and ${number(rest)} more`)
  return lines.length === 0 ? '' : `${name}:\n${lines.join('\n')}\n`
}

function found({ ledger }: CrashResult, kind: Parameters<typeof ledger.checker.count>[0]): string {
  return number(ledger.checker.count(kind))
}

function wrongBytes({ ledger }: CrashResult): string {
  return number(ledger.checker.count('corrupt') + ledger.checker.count('unknown-message'))
}

/** Rule of three: no failure in N trials bounds the rate below 3/N at 95 %. */
function bound({ kills, ledger }: CrashResult): string {
  if (ledger.checker.count() > 0 || kills === 0) return 'no bound'
  return `${((3 / kills) * 100).toPrecision(2)} %`
}

function quantile({ firstAckMilliseconds }: CrashResult, fraction: number): number {
  const sorted = [...firstAckMilliseconds].toSorted((one, other) => one - other)
  return Math.round(sorted[Math.ceil(sorted.length * fraction) - 1] ?? 0)
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
