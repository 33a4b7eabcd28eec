// Rows → a table for terminals and for Markdown.

import type { Latency } from '../job.ts'
import { partsOf, type Row } from './summary.ts'

const HEADINGS = [
  'scenario',
  'broker',
  'per second',
  'CPU µs each',
  '× ours',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'RSS MiB',
  'busy %',
  'note',
]
const MIB = 1_048_576
/** Aligns columns of words to the left and figures to the right. */
const WORDS = new Set(['scenario', 'broker', 'note'])

export function tableOf(rows: readonly Row[]): string {
  return markdown(HEADINGS, rows.map(cellsOf))
}

export function markdown(
  headings: readonly string[],
  lines: readonly (readonly string[])[],
): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...lines.map(cells => (cells[column] ?? '').length)),
  )
  const rule = headings.map((heading, column) => {
    const dashes = '-'.repeat(Math.max(3, widths[column] ?? 0) - (WORDS.has(heading) ? 0 : 1))
    return WORDS.has(heading) ? dashes : `${dashes}:`
  })
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, headings[column] ?? '')).join(' | ')} |`
  return [row(headings), `| ${rule.join(' | ')} |`, ...lines.map(row)].join('\n')
}

/** Three significant digits, with thousands in groups. */
export function figure(value: number): string {
  if (value === 0) return '0'
  if (value >= 999.5) return Math.round(value).toLocaleString('en-US')
  if (value >= 100) return value.toFixed(0)
  if (value >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

function cellsOf(row: Row): readonly string[] {
  const { scenario, broker, measurement, perSecond, cpuMicroseconds, timesOurs, note } = row
  const title =
    scenario.unit === 'delivery' ? scenario.title : `${scenario.title} (${scenario.unit})`
  if (measurement === null) return [title, broker, ...Array.from({ length: 8 }, () => ''), note]
  const { latency, rssBytes, brokerCpuSeconds, generatorCpuSeconds, seconds } = measurement
  const busy = [brokerCpuSeconds, generatorCpuSeconds].map(cpu => Math.round((cpu / seconds) * 100))
  return [
    title,
    broker,
    figure(perSecond),
    figure(cpuMicroseconds),
    timesOurs === null ? '' : figure(timesOurs),
    ...timesOf(latency),
    figure(rssBytes / MIB),
    busy.join(' / '),
    [note, partsOf(measurement), growthNote(row)].filter(each => each !== '').join('; '),
  ]
}

function timesOf(latency: Latency | null): readonly string[] {
  if (latency === null) return ['', '', '']
  return [latency.p50, latency.p99, latency.p999].map(each => figure(each / 1_000))
}

/** Memory per item, from the first point of the curve to the last. */
function growthNote({ measurement }: Row): string {
  const first = measurement?.growth[0]
  const last = measurement?.growth.at(-1)
  if (first === undefined || last === undefined || first === last) return ''
  const each = (last.rssBytes - first.rssBytes) / (last.count - first.count)
  return `${figure(each)} B each`
}

function pad(cell: string, width: number, heading: string): string {
  return WORDS.has(heading) ? cell.padEnd(width) : cell.padStart(width)
}
