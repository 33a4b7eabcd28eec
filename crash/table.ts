// Prints the figures of several runs side by side.

import type { CrashResult } from './crash-run.ts'

type Row = readonly [words: string, figure: (result: CrashResult) => string]

const ROWS: readonly Row[] = [
  ['kills', ({ kills }) => number(kills)],
  ['  of servers of NATS', ({ serverKills }) => number(serverKills)],
  ['seconds', ({ seconds }) => number(Math.round(seconds))],
  ['acknowledged, QoS 1', result => number(result.log.checker.messages.acceptedQoS1)],
  ['acknowledged, QoS 2', result => number(result.log.checker.messages.acceptedQoS2)],
  ['publishes refused', result => number(result.log.checker.messages.refused)],
  ['deliveries received', result => number(result.log.checker.deliveries.delivered)],
  ['QoS 1 received again', result => number(result.log.checker.deliveries.repeated)],
  ['acknowledged and lost', result => number(result.log.checker.deliveries.lost)],
  ['  deliveries missed by them', result => number(result.log.checker.deliveries.lostDeliveries)],
  ['QoS 2 duplicates', result => found(result, 'duplicate')],
  ['first deliveries out of order', result => found(result, 'order')],
  ['Session Present lies', result => found(result, 'session-lie')],
  ['retained wrong', result => found(result, 'retained')],
  ['  of questions', result => number(result.log.checker.retained.questionsAnswered)],
  ['wills wrong', result => found(result, 'will')],
  ['  of wills received', result => number(result.log.checker.wills.published)],
  ['into queues, acknowledged', result => number(result.log.checker.queues.accepted)],
  ['  handed out', result => number(result.log.checker.queues.handed)],
  ['  as dead letters', result => number(result.log.checker.queues.deadLetters)],
  ['  lost', result => found(result, 'queue-lost')],
  ['  twice, or after settlement', result => found(result, 'queue-again')],
  ['  order broken', result => found(result, 'queue-order')],
  ['  counts or dead letters wrong', result => found(result, 'dead-letter')],
  ['  delayed and too early', result => found(result, 'early')],
  ['transactions', result => number(result.log.checker.transactions.made)],
  ['  committed', result => number(result.log.checker.transactions.committed)],
  ['  refused', result => number(result.log.checker.transactions.refused)],
  ['  asked back', result => number(result.log.checker.transactions.undecided)],
  ['  torn', result => found(result, 'transaction-torn')],
  ['  answers that do not fit', result => found(result, 'transaction-answer')],
  ['  order broken', result => found(result, 'transaction-order')],
  [
    'inputs of workers, acknowledged',
    result => number(result.log.checker.transactions.results.accepted),
  ],
  ['  without a result', result => found(result, 'result-lost')],
  ['  with two, or handed out again', result => found(result, 'result-again')],
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

/** The first findings of a run. */
export function sentencesOf({ log, name }: CrashResult, most: number): string {
  const { checker } = log
  const shown = checker.findings.slice(0, most)
  const lines = shown.map(({ kind, at, sentence }) => `  line ${at}, ${kind}: ${sentence}`)
  const rest = checker.count() - shown.length
  if (rest > 0) lines.push(`  and ${number(rest)} more`)
  return lines.length === 0 ? '' : `${name}:\n${lines.join('\n')}\n`
}

function found({ log }: CrashResult, kind: Parameters<typeof log.checker.count>[0]): string {
  return number(log.checker.count(kind))
}

function wrongBytes({ log }: CrashResult): string {
  return number(log.checker.count('corrupt') + log.checker.count('unknown-message'))
}

/** Rule of three: after N trials without a failure the rate is below 3/N, with 95 % confidence. */
function bound({ kills, log }: CrashResult): string {
  if (log.checker.count() > 0 || kills === 0) return 'no bound'
  return `${((3 / kills) * 100).toPrecision(2)} %`
}

function quantile({ firstAckMilliseconds }: CrashResult, fraction: number): number {
  const sorted = [...firstAckMilliseconds].toSorted((one, other) => one - other)
  return Math.round(sorted[Math.ceil(sorted.length * fraction) - 1] ?? 0)
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
