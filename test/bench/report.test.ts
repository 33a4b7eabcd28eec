import { test } from 'tap'
import type { Measurement } from '../../bench/job.ts'
import { barsOf } from '../../bench/report/bars.ts'
import { chartOf } from '../../bench/report/chart.ts'
import { curveTable } from '../../bench/report/curve-table.ts'
import { withSection } from '../../bench/report/document.ts'
import type { Run } from '../../bench/report/results.ts'
import { summarise } from '../../bench/report/summary.ts'
import { figure, tableOf } from '../../bench/report/table.ts'
import { pairs, scenario } from '../../bench/scenarios.ts'

const PAIRS = scenario('pairs', 'one & one', pairs({}))

/** So many deliveries in two seconds with one second of CPU. */
function measurement(operations: number, problems: readonly string[] = []): Measurement {
  return {
    operations,
    seconds: 2,
    brokerCpuSeconds: 1,
    generatorCpuSeconds: 0.5,
    latency: { p50: 100, p99: 2_000, p999: 30_000 },
    acknowledgement: null,
    rssBytes: 10 * 1_048_576,
    growth: [],
    problems,
  }
}

function run(broker: string, measured: Measurement | null, sentence: string | null = null): Run {
  return { scenario: 'pairs', broker, repetition: 0, measurement: measured, sentence }
}

test('the run in the middle is quoted, and its ratio to ours', async t => {
  const runs = [1_000, 10_000, 2_000].flatMap(count => [
    run('ours', measurement(count)),
    run('theirs', measurement(count / 4)),
  ])

  const rows = summarise([PAIRS], runs, 'ours')

  t.same(
    rows.map(({ broker, perSecond, cpuMicroseconds, timesOurs }) => [
      broker,
      perSecond,
      cpuMicroseconds,
      timesOurs,
    ]),
    [
      ['ours', 1_000, 500, 1],
      ['theirs', 250, 2_000, 4],
    ],
  )
})

test('a run that lost a message does not count, and the table says why', async t => {
  const runs = [
    run('ours', measurement(1_000)),
    run('theirs', measurement(500)),
    run('theirs', measurement(9_000, ['3 deliveries were lost'])),
    run('third', measurement(9_000, ['message 3 came twice'])),
    run('fourth', null, 'not installed'),
  ]

  const rows = summarise([PAIRS], runs, 'ours')

  t.same(
    rows.map(({ perSecond, timesOurs, note }) => [perSecond, timesOurs, note]),
    [
      [500, 1, ''],
      [250, 2, 'invalid, 1 of 2 runs: 3 deliveries were lost'],
      [0, null, 'invalid, 1 of 1 runs: message 3 came twice'],
      [0, null, 'not installed'],
    ],
  )
})

test('the table is Markdown with aligned columns', async t => {
  const rows = summarise([PAIRS], [run('ours', measurement(1_000))], 'ours')

  const lines = tableOf(rows).split('\n')

  t.equal(lines.length, 3)
  t.equal(new Set(lines.map(line => line.length)).size, 1)
  t.match(
    lines[2],
    /^\| one & one \| ours +\| +500 \| +1,000 \| +1\.00 \| +0\.10 \| +2\.00 \| +30\.0 \| +10\.0 \| +50 \/ 25 \|/,
  )
})

test('figures have three digits that count', async t => {
  t.same([0, 0.456, 4.56, 45.67, 456.7, 999.6, 4_567.8].map(figure), [
    '0',
    '0.46',
    '4.56',
    '45.7',
    '457',
    '1,000',
    '4,568',
  ])
})

test('bars are as long as the figures, in their group', async t => {
  const runs = [run('ours', measurement(4_000)), run('theirs', measurement(1_000))]

  const picture = barsOf('title', summarise([PAIRS], runs, 'ours'))

  const widths = [...picture.matchAll(/width="(\d+)" height="13"/g)].map(([, width]) =>
    Number(width),
  )
  t.equal(widths.length, 2)
  t.ok(Math.abs((widths[1] ?? 0) / (widths[0] ?? 1) - 4) < 0.05)
  t.match(picture, 'one &amp; one')
})

test('a chart has a line for each broker and a mark for each point', async t => {
  const lines = new Map([
    [
      'ours',
      [
        { x: 10, y: 1 },
        { x: 1_000, y: 2 },
      ],
    ],
    ['theirs', [{ x: 10, y: 50 }]],
  ])
  const chart = { title: 'cost', xLabel: 'n', yLabel: 'µs', lines }

  const picture = chartOf(chart)

  t.equal(picture.match(/<polyline/g)?.length, 2)
  t.equal(picture.match(/<circle/g)?.length, 3)
  t.equal(
    curveTable(chart),
    [
      '|     n | ours, µs | theirs, µs |',
      '| ----: | -------: | ---------: |',
      '|    10 |     1.00 |       50.0 |',
      '| 1,000 |     2.00 |            |',
    ].join('\n'),
  )
})

test('a section of a page is replaced, and nothing else', async t => {
  const page = 'before\n<!-- a -->\nold\n<!-- end of a -->\nafter'

  t.equal(withSection(page, 'a', 'new'), 'before\n<!-- a -->\n\nnew\n\n<!-- end of a -->\nafter')
  t.throws(() => withSection(page, 'b', 'new'), /no place for b/)
})
