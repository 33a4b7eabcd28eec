// A line chart over a size, with both axes logarithmic.

import { colourOf, legend, line, round, svg, text } from './svg.ts'
import { figure } from './table.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Chart {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly lines: ReadonlyMap<string, readonly Point[]>
}

const WIDTH = 640
const HEIGHT = 360
const LEFT = 70
const RIGHT = 30
const TOP = 70
const BOTTOM = 50

interface Axis {
  readonly powers: readonly number[]
  place(value: number): number
}

export function chartOf({ title, xLabel, yLabel, lines }: Chart): string {
  const points = [...lines.values()].flat()
  const x = axis(
    points.map(point => point.x),
    LEFT,
    WIDTH - RIGHT,
  )
  const y = axis(
    points.map(point => point.y),
    HEIGHT - BOTTOM,
    TOP,
  )
  const parts = [
    text(10, 20, title, 'start', 'title'),
    ...legend([...lines.keys()], 10, 42),
    ...grid(x, y),
    text(WIDTH / 2, HEIGHT - 12, xLabel, 'middle'),
    text(10, TOP - 12, yLabel),
    ...[...lines.values()].flatMap((each, index) => curve(each, x, y, colourOf(index))),
  ]
  return svg(WIDTH, HEIGHT, title, parts)
}

/** The range from the power of ten below the least value to the one above the largest. */
function axis(values: readonly number[], from: number, to: number): Axis {
  const logarithms = values.filter(value => value > 0).map(Math.log10)
  const first = Math.floor(Math.min(...logarithms))
  const last = Math.max(Math.ceil(Math.max(...logarithms)), first + 1)
  const powers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  const place = (value: number): number =>
    from + ((Math.log10(value) - first) / (last - first)) * (to - from)
  return { powers, place }
}

function grid(x: Axis, y: Axis): readonly string[] {
  const parts: string[] = []
  for (const power of x.powers) {
    const at = x.place(10 ** power)
    parts.push(line(at, TOP, at, HEIGHT - BOTTOM))
    parts.push(text(at, HEIGHT - BOTTOM + 16, label(power), 'middle'))
  }
  for (const power of y.powers) {
    const at = y.place(10 ** power)
    parts.push(line(LEFT, at, WIDTH - RIGHT, at))
    parts.push(text(LEFT - 8, at + 4, label(power), 'end'))
  }
  return parts
}

function curve(points: readonly Point[], x: Axis, y: Axis, colour: string): readonly string[] {
  const places = points
    .filter(point => point.x > 0 && point.y > 0)
    .map(point => ({ x: round(x.place(point.x)), y: round(y.place(point.y)) }))
  const path = places.map(place => `${place.x},${place.y}`).join(' ')
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map(place => `<circle cx="${place.x}" cy="${place.y}" r="3" fill="${colour}"/>`),
  ]
}

function label(power: number): string {
  return power < 0 ? String(10 ** power) : figure(10 ** power).replace(/\.0+$/, '')
}
