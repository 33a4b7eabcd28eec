// Named queues: what waits in each, since when, how fast it comes and goes, and who consumes.

import { useRef } from 'preact/hooks'
import type { QueueRow, QueuesPage } from '../../api/contract/queues.ts'
import { withQuery } from '../app/api.ts'
import { useResource } from '../app/resource.ts'
import { to } from '../app/route.ts'
import { count, rate } from '../show/format.ts'
import { At, Empty, Failure, Name } from '../show/parts.tsx'
import { type Column, Table } from '../show/table.tsx'

const EVERY_SECONDS = 5

interface Rates {
  readonly taken: number | null
  readonly settled: number | null
}

type RateOf = (row: QueueRow) => Rates

interface Before {
  readonly row: QueueRow
  readonly at: number
  readonly rates: Rates
}

/** Returns the rates of queues since they were read before. */
export function useRates(): RateOf {
  const seen = useRef(new Map<string, Before>())
  return row => {
    const before = seen.current.get(row.name)
    if (before?.row === row) return before.rates
    const at = performance.now()
    const rates =
      before === undefined ? { taken: null, settled: null } : ratesBetween(before, row, at)
    seen.current.set(row.name, { row, at, rates })
    return rates
  }
}

function ratesBetween({ row, at }: Before, { counts }: QueueRow, now: number): Rates {
  const seconds = (now - at) / 1_000
  return {
    taken: Math.max(0, counts.taken - row.counts.taken) / seconds,
    settled: Math.max(0, counts.settled - row.counts.settled) / seconds,
  }
}

function columnsOf(rateOf: RateOf): readonly Column<QueueRow>[] {
  return [
    {
      label: 'Queue',
      cell: ({ name }) => (
        <a href={to('queues', { name })}>
          <Name>{name}</Name>
        </a>
      ),
    },
    { label: 'Order', cell: ({ order }) => order },
    { label: 'Waiting', isNumber: true, isKey: true, cell: ({ messages }) => count(messages) },
    { label: 'Oldest', cell: ({ oldestAt }) => <At at={oldestAt} /> },
    { label: 'In', isNumber: true, cell: row => rate(rateOf(row).taken) },
    { label: 'Settled', isNumber: true, cell: row => rate(rateOf(row).settled) },
    { label: 'In flight', isNumber: true, cell: ({ inFlight }) => count(inFlight) },
    { label: 'Consumers', isNumber: true, cell: ({ consumers }) => count(consumers) },
    { label: 'Dead letters', isNumber: true, cell: ({ deadLetters }) => count(deadLetters) },
  ]
}

export function NamedQueues() {
  const path = withQuery('queues', { limit: 200 })
  const { data, error, reload } = useResource<QueuesPage>(path, EVERY_SECONDS)
  const rateOf = useRates()
  return (
    <>
      <Failure sentence={error} again={reload} />
      {data?.items.length === 0 && (
        <Empty>
          Queues appear when a client subscribes to $queue/NAME/FILTER, or an operator makes one:
          pondhawk queue create NAME. They collect whether or not anybody consumes.
        </Empty>
      )}
      {data !== null && data.items.length > 0 && (
        <Table
          caption="Named queues"
          columns={columnsOf(rateOf)}
          rows={data.items}
          keyOf={({ name }) => name}
        />
      )}
      {data !== null && data.total > data.items.length && (
        <p class="dim">
          The first {count(data.items.length)} of {count(data.total)}.
        </p>
      )}
    </>
  )
}
