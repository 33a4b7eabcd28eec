// `npm run bench -- --routing`: the router alone, in this process. It measures a filter, a match and a change among many filters.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Router } from '../src/routing/router.ts'
import { type Subscription, wholeSubscription } from '../src/routing/subscription.ts'
import { unrelatedFilter } from './generator/topics.ts'
import { figure } from './report/table.ts'

const SIZES = [1_000, 10_000, 100_000, 1_000_000]
const MATCHES = 200_000
const CHANGES = 100_000
/** The number of filters that match each measured topic. */
const RECEIVERS = 8
const TARGETS = 1_000

interface Row {
  readonly filters: number
  readonly bytesOfFilter: number
  readonly matchMicroseconds: number
  readonly subscribeMicroseconds: number
  readonly unsubscribeMicroseconds: number
}

interface Client {
  readonly clientId: string
}

/** Measures, writes `routing.md` to the directory and returns its text. */
export function measureRouting(directory: string): string {
  const rows = SIZES.map(size => measure(size))
  const report = tableOf(rows)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'routing.md'), report)
  return report
}

function measure(filters: number): Row {
  const targets = Array.from({ length: TARGETS }, (_, index) => ({ clientId: `client-${index}` }))
  // Targets are made before the measurement: they belong to the sessions, not to the router.
  const subscriptions = subscriptionsFrom(0, filters)
  const changing = subscriptionsFrom(filters, CHANGES)
  const router = new Router<Client>()
  const before = heapBytes()
  subscribe(router, targets, subscriptions)
  const bytesOfFilter = (heapBytes() - before) / filters
  for (const subscription of heard()) subscribe(router, targets, [subscription])
  return {
    filters,
    bytesOfFilter,
    matchMicroseconds: matchTime(router),
    subscribeMicroseconds: timeOf(CHANGES, () => subscribe(router, targets, changing)),
    unsubscribeMicroseconds: timeOf(CHANGES, () => unsubscribe(router, targets, changing)),
  }
}

function subscriptionsFrom(first: number, count: number): readonly Subscription[] {
  return Array.from({ length: count }, (_, index) => {
    // Decoded from bytes, so that the string is flat in memory, as a topic from a packet is.
    const filter = Buffer.from(unrelatedFilter(first + index)).toString()
    return wholeSubscription(filter)
  })
}

/** Filters that match the measured topics, the same number for each. */
function heard(): readonly Subscription[] {
  return Array.from({ length: RECEIVERS }, (_, index) =>
    wholeSubscription(index % 2 === 0 ? `heard/+/${'+/'.repeat(index / 2)}#` : `heard/#`),
  )
}

/** New topics, so that no cached result is used. */
function matchTime(router: Router<Client>): number {
  const topics = Array.from({ length: MATCHES }, (_, index) => `heard/${index}/a/b/c/d`)
  let found = 0
  const microseconds = timeOf(MATCHES, () => {
    for (const topic of topics) found += router.match(topic).length
  })
  if (found === 0) throw new Error('nothing matched')
  return microseconds
}

function subscribe(
  router: Router<Client>,
  targets: readonly Client[],
  subscriptions: readonly Subscription[],
): void {
  subscriptions.forEach((subscription, index) =>
    router.subscribe(targetAt(targets, index), subscription),
  )
}

function unsubscribe(
  router: Router<Client>,
  targets: readonly Client[],
  subscriptions: readonly Subscription[],
): void {
  subscriptions.forEach(({ topicFilter }, index) =>
    router.unsubscribe(targetAt(targets, index), topicFilter),
  )
}

function targetAt(targets: readonly Client[], index: number): Client {
  const target = targets[index % TARGETS]
  if (target === undefined) throw new Error('there is no target')
  return target
}

function timeOf(count: number, act: () => void): number {
  const startedAt = performance.now()
  act()
  return ((performance.now() - startedAt) * 1_000) / count
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

function tableOf(rows: readonly Row[]): string {
  const head = [
    '|   filters | bytes a filter | µs a match | µs a subscribe | µs an unsubscribe |',
    '| --------: | -------------: | ---------: | -------------: | ----------------: |',
  ]
  const lines = rows.map(row => {
    const cells = [
      row.filters.toLocaleString('en-GB').padStart(9),
      figure(row.bytesOfFilter).padStart(14),
      figure(row.matchMicroseconds).padStart(10),
      figure(row.subscribeMicroseconds).padStart(14),
      figure(row.unsubscribeMicroseconds).padStart(17),
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [...head, ...lines].join('\n')
}
