// Curves: how cost and memory grow with size. A curve is one scenario at several sizes, or one that grows while it runs.

import type { KeptJob } from './job.ts'
import type { Chart, Point } from './report/chart.ts'
import type { Run } from './report/results.ts'
import { cpuMicrosecondsOf, isValid } from './report/summary.ts'
import { fanOut, idle, pairs, type Scenario, scenario, shared } from './scenarios.ts'

export interface Curve {
  readonly name: string
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  /** The scenario of a size; null if one measurement has all sizes. */
  readonly points: readonly { readonly x: number | null; readonly scenario: Scenario }[]
}

const MIB = 1_048_576
/** The same at every size, so that batches have the same size. */
const WINDOW = 16
const PER_DELIVERY = 'CPU µs a delivery'
const LARGE = { isLarge: true }

export const CURVES: readonly Curve[] = [
  {
    name: 'subscribers',
    title: 'Cost of a delivery against subscribers of one topic (1 → n, QoS 0, 16 B)',
    xLabel: 'subscribers',
    yLabel: PER_DELIVERY,
    points: [10, 100, 1_000, 10_000].map(subscribers => ({
      x: subscribers,
      scenario: scenario(
        `subscribers-${subscribers}`,
        `1 → ${subscribers}`,
        fanOut({ subscribers, window: WINDOW }),
        LARGE,
      ),
    })),
  },
  {
    name: 'filters',
    title: 'Cost of a delivery against filters that do not match (50 → 50, QoS 0, 50,000 topics)',
    xLabel: 'unrelated filters',
    yLabel: PER_DELIVERY,
    points: [1, 1_000, 1_000_000].map(unrelatedFilters => ({
      x: unrelatedFilters,
      scenario: scenario(
        `filters-${unrelatedFilters}`,
        `among ${unrelatedFilters} filters`,
        pairs({ topicsOfPublisher: 1_000, unrelatedFilters }),
      ),
    })),
  },
  {
    name: 'members',
    title: 'Cost of a delivery against members of a shared group (50 → n, QoS 1, 16 B)',
    xLabel: 'members',
    yLabel: PER_DELIVERY,
    points: [10, 100, 1_000, 10_000].map(subscribers => ({
      x: subscribers,
      scenario: scenario(
        `members-${subscribers}`,
        `50 → group of ${subscribers}`,
        shared({ publishers: 50, subscribers }),
        LARGE,
      ),
    })),
  },
  {
    name: 'connections',
    title: 'Memory against connections with one subscription',
    xLabel: 'connections',
    yLabel: 'RSS MiB',
    points: [
      {
        x: null,
        scenario: scenario(
          'connections',
          'idle connections',
          idle([1_000, 5_000, 10_000, 15_000, 19_000]),
          LARGE,
        ),
      },
    ],
  },
  kept('sessions', 'Memory against sessions whose clients are away', [1e4, 1e5, 1e6]),
  kept('retained', 'Memory against retained messages (64 B)', [1e4, 1e5, 1e6]),
  kept(
    'queued',
    'Memory against messages that wait for 100 clients that are away (64 B)',
    [1e4, 1e5, 1e6, 1e7],
  ),
]

/** Makes a curve of the valid runs. */
export function chartOfRuns(curve: Curve, runs: readonly Run[]): Chart {
  const { title, xLabel, yLabel } = curve
  const lines = new Map<string, readonly Point[]>()
  const brokers = new Set(runs.filter(isValid).map(({ broker }) => broker))
  for (const broker of brokers) {
    const own = runs.filter(run => run.broker === broker && isValid(run))
    const points = curve.points.flatMap(point => pointsOf(point, own))
    if (points.length > 0) lines.set(broker, points)
  }
  return { title, xLabel, yLabel, lines }
}

function pointsOf(
  { x, scenario: { name } }: Curve['points'][number],
  runs: readonly Run[],
): readonly Point[] {
  const measurement = runs.find(run => run.scenario === name)?.measurement
  if (measurement === undefined || measurement === null) return []
  if (x !== null) return [{ x, y: cpuMicrosecondsOf(measurement) }]
  return measurement.growth.map(({ count, rssBytes }) => ({ x: count, y: rssBytes / MIB }))
}

function kept(what: KeptJob['what'], title: string, steps: readonly number[]): Curve {
  // Ten million messages do not fit into a heap, so the scenario needs the store.
  const durability = what === 'queued' ? 'fsync' : null
  const job: KeptJob = { kind: 'kept', what, steps }
  const only = scenario(`kept-${what}`, title, job, { ...LARGE, durability })
  return {
    name: what,
    title,
    xLabel: what,
    yLabel: 'RSS MiB',
    points: [{ x: null, scenario: only }],
  }
}
