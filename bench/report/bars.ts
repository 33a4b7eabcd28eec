// A bar chart of CPU per operation: one group for each scenario, each with its own scale, and figures beside the bars.

import type { Row } from './summary.ts'
import { colourOf, legend, svg, text } from './svg.ts'
import { figure } from './table.ts'

const WIDTH = 760
const LABEL_WIDTH = 300
const BAR_HEIGHT = 13
const BAR_GAP = 2
const GROUP_GAP = 10
const TOP = 60
const FIGURE_WIDTH = 70

export function barsOf(title: string, rows: readonly Row[]): string {
  const brokers = [...new Set(rows.map(({ broker }) => broker))]
  const parts = [text(10, 20, title, 'start', 'title'), ...legend(brokers, 10, 42)]
  let y = TOP
  for (const group of groupsOf(rows)) {
    const largest = Math.max(...group.map(({ cpuMicroseconds }) => cpuMicroseconds))
    parts.push(text(LABEL_WIDTH - 10, y + BAR_HEIGHT - 2, group[0]?.scenario.title ?? '', 'end'))
    for (const row of group) {
      parts.push(...bar(row, y, largest, colourOf(brokers.indexOf(row.broker))))
      y += BAR_HEIGHT + BAR_GAP
    }
    y += GROUP_GAP
  }
  return svg(WIDTH, y, title, parts)
}

function groupsOf(rows: readonly Row[]): readonly (readonly Row[])[] {
  const measured = rows.filter(({ measurement }) => measurement !== null)
  const names = [...new Set(measured.map(({ scenario }) => scenario.name))]
  return names.map(name => measured.filter(({ scenario }) => scenario.name === name))
}

function bar(row: Row, y: number, largest: number, colour: string): readonly string[] {
  const full = WIDTH - LABEL_WIDTH - FIGURE_WIDTH
  const width = Math.max(1, Math.round((row.cpuMicroseconds / largest) * full))
  return [
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${colour}"/>`,
    text(LABEL_WIDTH + width + 5, y + BAR_HEIGHT - 2, figure(row.cpuMicroseconds)),
  ]
}
