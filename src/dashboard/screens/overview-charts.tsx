// The four charts of the overview: the last minute, hour or day.

import { useSignal } from '@preact/signals'
import { useCallback, useMemo } from 'preact/hooks'
import type { HistoryAnswer } from '../../api/contract/records.ts'
import type { Frames } from '../../api/contract/stream.ts'
import { now } from '../app/answering.ts'
import { withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { isStreaming, useFrames } from '../app/stream.ts'
import { Chart, type Series } from '../show/chart.tsx'
import { Failure } from '../show/parts.tsx'

export const RANGES = [
  ['60s', '60 s'],
  ['1h', '1 h'],
  ['24h', '24 h'],
] as const
export type Range = (typeof RANGES)[number][0]

const STEPS: Readonly<Record<Range, number>> = { '60s': 60, '1h': 360, '24h': 288 }
/** How often the history is read; that of a minute goes on by frames of the stream. */
const EVERY_SECONDS: Readonly<Record<Range, number>> = { '60s': 30, '1h': 10, '24h': 60 }
const WITHOUT_STREAM_SECONDS = 2
const FRAMES_MAX = 60

type SeriesName = keyof HistoryAnswer['mean']
type Frame = Frames['metrics']

interface Shown {
  readonly title: string
  readonly unit: string
  readonly series: readonly (readonly [SeriesName, string, Series['kind']])[]
}

const CHARTS: readonly Shown[] = [
  {
    title: 'Messages',
    unit: 'messages/s',
    series: [
      ['messagesReceived', 'received', 'line'],
      ['messagesSent', 'sent', 'dashed'],
    ],
  },
  { title: 'Dropped', unit: 'messages/s', series: [['dropped', 'dropped', 'bars']] },
  { title: 'Connected', unit: 'clients', series: [['clientsConnected', 'connected', 'stepped']] },
  {
    title: 'Latency',
    unit: 'ms, 99 of 100 below',
    series: [
      ['commitP99Ms', 'commit', 'line'],
      ['loopP99Ms', 'event loop', 'dashed'],
    ],
  },
]

export function Charts({ range }: { readonly range: Range }) {
  const isLive = range === '60s' && isStreaming.value
  const everySeconds = range === '60s' && !isLive ? WITHOUT_STREAM_SECONDS : EVERY_SECONDS[range]
  const history = useResource<HistoryAnswer>(withQuery('metrics/history', { range }), everySeconds)
  const frames = useSignal<readonly Frame[]>([])
  useFrames(
    'metrics',
    useCallback(
      frame => {
        frames.value = [...frames.peek(), frame].slice(-FRAMES_MAX)
      },
      [frames],
    ),
  )
  const shown = useSteps(history.data, isLive ? frames.value : NO_FRAMES, STEPS[range])
  return (
    <>
      <Failure sentence={history.error} again={history.reload} />
      <div class="charts">
        {CHARTS.map(({ title, unit, series }) => (
          <Chart
            key={title}
            title={title}
            unit={unit}
            times={shown.times}
            series={series.map(([name, label, kind]) => ({ label, kind, values: shown.of(name) }))}
          />
        ))}
      </div>
    </>
  )
}

const NO_FRAMES: readonly Frame[] = []
/** A request and a step may be so late without a gap. */
const LATE_STEPS = 4

interface Steps {
  /** Seconds since 1970. */
  readonly times: readonly number[]
  readonly of: (name: SeriesName) => readonly (number | null)[]
}

/** The last steps, up to now: those of which nothing is known are a gap. */
function useSteps(history: HistoryAnswer | null, frames: readonly Frame[], steps: number): Steps {
  const seconds = history?.stepSeconds ?? 1
  const newest = Math.floor(now.value / 1_000 / seconds)
  return useMemo(() => {
    const stepOf = (at: string): number => Math.floor(Date.parse(at) / 1_000 / seconds)
    const first = history === null ? 0 : stepOf(history.startAt)
    const known = history?.mean.messagesReceived?.length ?? 0
    const live = new Map(frames.map(frame => [stepOf(frame.at), frame.series]))
    const last = frames.reduce((most, { at }) => Math.max(most, stepOf(at)), first + known - 1)
    const end = newest - last > LATE_STEPS ? newest : last
    const numbers = Array.from({ length: steps }, (_, index) => end - steps + 1 + index)
    const of = (name: SeriesName): readonly (number | null)[] =>
      numbers.map(step => live.get(step)?.[name] ?? history?.mean[name]?.[step - first] ?? null)
    return { times: numbers.map(step => step * seconds), of }
  }, [history, frames, newest, steps, seconds])
}
