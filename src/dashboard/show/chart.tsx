// A chart of the last minutes or hours: uPlot draws it, the legend and the table are HTML.

import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { clock, rate, time } from './format.ts'
import { zone } from './parts.tsx'

export interface Series {
  readonly label: string
  readonly kind: 'line' | 'dashed' | 'bars' | 'stepped'
  readonly values: readonly (number | null)[]
}

interface ChartProps {
  readonly title: string
  readonly unit: string
  /** Seconds since 1970, one for each value. */
  readonly times: readonly number[]
  readonly series: readonly Series[]
}

const HEIGHT = 150

export function Chart(props: ChartProps) {
  const { title, unit, times, series } = props
  const isTable = useSignal(false)
  /** The index under the cursor; null: the newest value is shown. */
  const cursor = useSignal<number | null>(null)
  const at = cursor.value
  return (
    <section class="card chart" aria-label={title}>
      <div class="legend">
        {series.map(({ label, kind, values }) => (
          <span key={label}>
            <span class={`line ${kind}`} aria-hidden="true" />
            {label} <b>{rate(at === null ? lastOf(values) : values[at])}</b>
          </span>
        ))}
        <span>
          {unit}
          {at !== null && ` at ${clock((times[at] ?? 0) * 1_000, zone.value)}`}
        </span>
        <button type="button" class="plain" onClick={() => (isTable.value = !isTable.value)}>
          {isTable.value ? 'Chart' : 'Table'}
          <span class="hidden"> of {title}</span>
        </button>
      </div>
      {isTable.value ? (
        <ChartTable {...props} />
      ) : (
        <Plot {...props} onCursor={index => (cursor.value = index)} />
      )}
    </section>
  )
}

interface PlotProps extends ChartProps {
  readonly onCursor: (index: number | null) => void
}

function Plot({ title, unit, times, series, onCursor }: PlotProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const onCursorRef = useRef(onCursor)
  onCursorRef.current = onCursor
  const shape = `${series.map(({ label, kind }) => `${label} ${kind}`).join()} ${zone.value}`
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const draw = (): void => {
      plot.current?.destroy()
      const data = plot.current?.data ?? dataOf(times, series)
      plot.current = new uPlot(
        optionsOf(series, element.clientWidth, index => onCursorRef.current(index)),
        data,
        element,
      )
    }
    draw()
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    resized.observe(element)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', draw)
    return () => {
      resized.disconnect()
      scheme.removeEventListener('change', draw)
      plot.current?.destroy()
      plot.current = null
    }
    // Data comes by setData below; only another shape makes another plot.
  }, [shape])
  useEffect(() => plot.current?.setData(dataOf(times, series)), [times, series])
  return (
    <div
      ref={place}
      class="plot"
      role="img"
      tabIndex={0}
      aria-label={sentenceOf(title, unit, series)}
      onKeyDown={event => {
        if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
        event.preventDefault()
        moveCursor(plot.current, event.key === 'ArrowLeft' ? -1 : 1)
      }}
    />
  )
}

function moveCursor(plot: uPlot | null, step: -1 | 1): void {
  if (plot === null) return
  const [times] = plot.data
  const last = times.length - 1
  const from = plot.cursor.idx ?? last + (step < 0 ? 1 : 0)
  const next = Math.min(last, Math.max(0, from + step))
  const left = plot.valToPos(times[next] ?? 0, 'x')
  plot.setCursor({ left, top: 1 })
}

function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])]
}

function optionsOf(
  series: readonly Series[],
  width: number,
  onCursor: (index: number | null) => void,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  const axis = {
    stroke: color('dim'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: color('line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height: HEIGHT,
    padding: [8, 28, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: 'pondhawk' },
      y: false,
      drag: { x: false, y: false },
      points: { size: 6 },
    },
    scales: { y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      { ...axis, size: 24, space: 90, values: (_, splits) => labelsOf(splits) },
      { ...axis, size: 52, space: 36, values: (_, splits) => splits.map(each => rate(each)) },
    ],
    series: [{}, ...series.map(each => seriesOf(each, color))],
    hooks: {
      setCursor: [
        ({ cursor: { idx, left } }) =>
          onCursor(idx === undefined || idx === null || (left ?? -1) < 0 ? null : idx),
      ],
    },
  }
}

/** 24 hours, with seconds only where labels are less than a minute apart. */
function labelsOf(splits: readonly number[]): string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0)
  return splits.map(each => {
    const text = clock(each * 1_000, zone.value)
    return step < 60 ? text : text.slice(0, 5)
  })
}

function seriesOf({ label, kind }: Series, color: (name: string) => string): uPlot.Series {
  const shared = { label, points: { show: false }, spanGaps: false }
  switch (kind) {
    case 'line':
      return { ...shared, stroke: color('accent'), width: 2 }
    case 'dashed':
      return { ...shared, stroke: color('ink'), width: 2, dash: [6, 4] }
    case 'bars':
      return {
        ...shared,
        stroke: color('fault'),
        fill: color('fault'),
        width: 0,
        ...(uPlot.paths.bars && { paths: uPlot.paths.bars({ size: [0.7, 8] }) }),
      }
    case 'stepped':
      return {
        ...shared,
        stroke: color('accent'),
        width: 2,
        ...(uPlot.paths.stepped && { paths: uPlot.paths.stepped({ align: 1 }) }),
      }
  }
}

function sentenceOf(title: string, unit: string, series: readonly Series[]): string {
  const parts = series.map(({ label, values }) => {
    const known = values.filter(each => each !== null)
    if (known.length === 0) return `${label} has no values yet`
    const least = known.reduce((a, b) => Math.min(a, b))
    const most = known.reduce((a, b) => Math.max(a, b))
    return `${label} is ${rate(lastOf(values))}, between ${rate(least)} and ${rate(most)}`
  })
  return `${title}, ${unit}: ${parts.join('; ')}. Arrow keys move along it.`
}

function lastOf(values: readonly (number | null)[]): number | null {
  return values.findLast(each => each !== null) ?? null
}

function ChartTable({ title, times, series }: ChartProps) {
  const rows = times.map((at, index) => ({ at, index })).toReversed()
  return (
    <div class="table" tabIndex={0} role="group" aria-label={`Values of ${title}`}>
      <table>
        <caption class="hidden">{title}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {series.map(({ label }) => (
              <th key={label} scope="col" class="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ at, index }) => (
            <tr key={at}>
              <td>{time(at * 1_000, Date.now(), zone.value)}</td>
              {series.map(({ label, values }) => (
                <td key={label} class="number">
                  {rate(values[index])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
