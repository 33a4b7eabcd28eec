// Writes the stored results into docs/explanation/performance.md, with pictures beside it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { chartOfRuns, CURVES } from './curves.ts'
import { barsOf } from './report/bars.ts'
import { chartOf } from './report/chart.ts'
import { curveTable } from './report/curve-table.ts'
import { withSection } from './report/document.ts'
import { type Machine, type Results, storedResults } from './report/results.ts'
import { type Row, summarise } from './report/summary.ts'
import { figure, tableOf } from './report/table.ts'
import { SCENARIOS } from './scenarios.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PAGE = join(ROOT, 'docs/explanation/performance.md')
const PICTURES = join(ROOT, 'docs/explanation/performance')

/** Pictures of parts of the table: the scenarios whose names begin with a prefix. */
const PICTURED = [
  {
    file: 'pairs',
    title: 'CPU µs a delivery, one to one',
    names: /^(single|twenty|pairs|properties)-/,
  },
  {
    file: 'fans',
    title: 'CPU µs a delivery, fan-out, fan-in, shared, paced, wildcards, retained',
    names: /^(fan|shared|paced|million|wildcards|retained)/,
  },
  { file: 'durable', title: 'CPU µs a delivery, sessions on disk', names: /^durable/ },
  {
    file: 'transports',
    title: 'CPU µs each: TLS and WebSocket a delivery, storm and churn a connection, idle a ping',
    names: /^(tls|websocket|storm|churn|idle)/,
  },
]

export function publishResults(directory: string): void {
  mkdirSync(PICTURES, { recursive: true })
  let page = readFileSync(PAGE, 'utf8')
  const scenarios = storedResults(join(directory, 'scenarios.json'))
  if (scenarios !== null) {
    const rows = summarise(SCENARIOS, scenarios.runs, 'pondhawk')
    page = withSection(page, 'machine', machineText(scenarios))
    page = withSection(page, 'scenarios', tableOf(rows))
    drawBars(rows)
  }
  const routing = join(directory, 'routing.md')
  if (existsSync(routing)) page = withSection(page, 'routing', readFileSync(routing, 'utf8'))
  const curves = storedResults(join(directory, 'curves.json'))
  if (curves !== null) page = withSection(page, 'curves', drawCurves(curves))
  writeFileSync(PAGE, page)
}

function drawBars(rows: readonly Row[]): void {
  for (const { file, title, names } of PICTURED) {
    const chosen = rows.filter(({ scenario }) => names.test(scenario.name))
    writeFileSync(join(PICTURES, `${file}.svg`), barsOf(title, chosen))
  }
}

function drawCurves({ runs }: Results): string {
  const sections: string[] = []
  for (const curve of CURVES) {
    const chart = chartOfRuns(curve, runs)
    if (chart.lines.size === 0) continue
    writeFileSync(join(PICTURES, `curve-${curve.name}.svg`), chartOf(chart))
    sections.push(`![${curve.title}](performance/curve-${curve.name}.svg)`, curveTable(chart))
  }
  return sections.join('\n\n')
}

function machineText({ date, machine, seconds, repetitions }: Results): string {
  const { processor, kernel, versions, syncMicroseconds }: Machine = machine
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const { p50, p99 } = syncMicroseconds
  return [
    `Measured ${date}: ${processor}, ${kernel}; ${names.join(', ')}.`,
    `${repetitions} runs of ${seconds} s for each line.`,
    `Append and fdatasync of 512 bytes on this disk: p50 ${figure(p50)} µs, p99 ${figure(p99)} µs.`,
  ].join('\n')
}
