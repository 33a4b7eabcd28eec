// The mixed load of a soak: who publishes, who receives, and who comes and goes.

import { Carrier, type CarrierSettings } from './actors/carrier.ts'
import { Churn } from './actors/churn.ts'
import { Publisher, type PublisherSettings } from './actors/publisher.ts'
import { Retainer } from './actors/retainer.ts'
import { SlowReader } from './actors/slow-reader.ts'
import { Subscriber, type SubscriberSettings } from './actors/subscriber.ts'
import { Teller, type TellerSettings, TRANSACTIONS_ROOT } from './actors/teller.ts'
import { Watcher, type WatcherSettings } from './actors/watcher.ts'
import { Worker, type WorkerSettings } from './actors/worker.ts'
import type { Actor, Door, Ground } from './ground.ts'

const DATA_STREAMS = 6
const DOORS: readonly Door[] = ['tcp', 'ws', 'tls']
const CHURN_MILLISECONDS = 100
const RETAINED_MILLISECONDS = 50
const SLOW_MILLISECONDS = [4_000, 15_000, 45_000]

/** What has been carried through both queues. */
const CARRIED = 'soak/carried'
const TRANSACTIONS = { filter: `${TRANSACTIONS_ROOT}+`, rule: 'transactions' } as const

const SUBSCRIBERS: readonly SubscriberSettings[] = [
  subscriber('steady-5', 'tls', 5, 2, null),
  subscriber('steady-4', 'tcp', 4, 1, null),
  subscriber('wanderer-5', 'ws', 5, 2, { milliseconds: 3_000, awayMilliseconds: 1_000 }),
  subscriber('wanderer-4', 'tcp', 4, 1, { milliseconds: 7_000, awayMilliseconds: 3_000 }),
  subscriber('sleeper-5', 'tls', 5, 1, { milliseconds: 5_000, awayMilliseconds: 20_000 }),
]

const MORE_SUBSCRIBERS: readonly SubscriberSettings[] = [
  { ...subscriber('late', 'tcp', 5, 1, null), filter: 'soak/later', rule: 'shared' },
  { ...subscriber('auditor-5', 'tls', 5, 2, null), ...TRANSACTIONS },
  {
    ...subscriber('auditor-4', 'ws', 4, 1, { milliseconds: 6_000, awayMilliseconds: 2_000 }),
    ...TRANSACTIONS,
  },
  {
    ...subscriber('receiver', 'tcp', 5, 2, { milliseconds: 9_000, awayMilliseconds: 1_000 }),
    filter: CARRIED,
    rule: 'once',
  },
]

const TELLERS: readonly TellerSettings[] = [
  { clientId: 'teller-tcp', door: 'tcp', protocolVersion: 5, milliseconds: 20 },
  { clientId: 'teller-4', door: 'tcp', protocolVersion: 4, milliseconds: 50 },
  { clientId: 'teller-tls', door: 'tls', protocolVersion: 5, milliseconds: 100 },
]

/** From the first queue into the second one, and from there to whoever subscribes. */
const CARRIERS: readonly CarrierSettings[] = [
  ...carriers('first', '$queue/soak-second'),
  ...carriers('second', CARRIED),
]

const WATCHERS: readonly WatcherSettings[] = [
  { clientId: 'watcher-500', door: 'ws', filter: 'soak/data/+', milliseconds: 500 },
  { clientId: 'watcher-3000', door: 'tcp', filter: 'soak/data/+', milliseconds: 3_000 },
]

const WORKERS: readonly WorkerSettings[] = [
  ...crew('member', '$share/soak/soak/work', 0),
  ...crew('parallel', '$queue/soak-parallel/soak/jobs', 50),
  ...crew('keyed', '$queue/soak-keyed/soak/orders/+', 0),
]

const PUBLISHERS: readonly PublisherSettings[] = [
  ...Array.from({ length: DATA_STREAMS }, (_, index): PublisherSettings => {
    const stream = `soak/data/${index}`
    const payloadBytes = [16, 200, 2_000][index % 3] ?? 16
    return publisher(stream, 'in-order', index, { qos: index % 2 === 0 ? 1 : 2, payloadBytes })
  }),
  publisher('soak/work', 'shared', 0, {}),
  publisher('soak/jobs', 'shared', 1, {}),
  publisher('soak/orders/1', 'shared', 2, {}),
  publisher('soak/orders/2', 'shared', 0, { qos: 2 }),
  publisher(CARRIED, 'once', 2, { qos: 2, topic: () => '$queue/soak-first' }),
  publisher('soak/later', 'shared', 1, { topic: () => '$delayed/2/soak/later' }),
]

/** The receivers of each stream in which nothing may be missing. */
export function receiversOf(): ReadonlyMap<string, readonly string[]> {
  const receivers = [...SUBSCRIBERS, ...WATCHERS].map(({ clientId }) => clientId)
  return new Map(
    Array.from({ length: DATA_STREAMS }, (_, index) => [`soak/data/${index}`, receivers]),
  )
}

/** In the order in which they start. They finish in the other one, so that nobody publishes to nobody. */
export function actorsOf(ground: Ground): readonly Actor[] {
  return [
    ...SUBSCRIBERS.map(settings => new Subscriber(ground, settings)),
    ...MORE_SUBSCRIBERS.map(settings => new Subscriber(ground, settings)),
    ...WATCHERS.map(settings => new Watcher(ground, settings)),
    ...CARRIERS.toReversed().map(settings => new Carrier(ground, settings)),
    ...WORKERS.map(settings => new Worker(ground, settings)),
    ...SLOW_MILLISECONDS.map((each, index) => new SlowReader(ground, `slow-${index}`, each)),
    new Retainer(ground, RETAINED_MILLISECONDS),
    ...TELLERS.map(settings => new Teller(ground, settings)),
    new Churn(ground, CHURN_MILLISECONDS),
    ...PUBLISHERS.map(settings => new Publisher(ground, settings)),
  ]
}

function subscriber(
  clientId: string,
  door: Door,
  protocolVersion: 4 | 5,
  qos: 1 | 2,
  stays: SubscriberSettings['stays'],
): SubscriberSettings {
  const rule = 'in-order'
  return { clientId, door, protocolVersion, filter: 'soak/data/+', qos, rule, stays }
}

function carriers(name: string, to: string): readonly CarrierSettings[] {
  const from = `$queue/soak-${name}`
  return DOORS.map((door, index) => ({ clientId: `carrier-${name}-${index}`, door, from, to }))
}

function crew(name: string, filter: string, refusesOneIn: number): readonly WorkerSettings[] {
  return DOORS.map((door, index) => ({
    clientId: `${name}-${index}`,
    door,
    filter,
    refusesOneIn: index === 0 ? refusesOneIn : 0,
    diesAfter: index === 1 ? 500 : 0,
  }))
}

function publisher(
  stream: string,
  rule: PublisherSettings['rule'],
  index: number,
  more: Partial<PublisherSettings>,
): PublisherSettings {
  const clientId = `publisher of ${stream}`
  const door = DOORS[index % DOORS.length] ?? 'tcp'
  const rest = { topic: () => stream, qos: 1, milliseconds: 25, payloadBytes: 64 } as const
  return { clientId, door, stream, rule, ...rest, ...more }
}
