// A curve as a table: a row for each size, a column for each broker.

import type { Chart, Point } from './chart.ts'
import { figure, markdown } from './table.ts'

export function curveTable({ xLabel, yLabel, lines }: Chart): string {
  const sizes = [...new Set([...lines.values()].flatMap(points => points.map(({ x }) => x)))]
  const headings = [xLabel, ...[...lines.keys()].map(broker => `${broker}, ${yLabel}`)]
  const rows = sizes
    .toSorted((a, b) => a - b)
    .map(size => [
      figure(size).replace(/\.0+$/, ''),
      ...[...lines.values()].map(points => valueAt(points, size)),
    ])
  return markdown(headings, rows)
}

function valueAt(points: readonly Point[], size: number): string {
  const point = points.find(({ x }) => x === size)
  return point === undefined ? '' : figure(point.y)
}
