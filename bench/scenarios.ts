// The scenarios, as data. The windows are small enough that no broker drops a message because of its limits.

import type { Durability } from './brokers/broker.ts'
import type { IdleJob, Job, RetainedJob, StormJob, TrafficJob, Transport } from './job.ts'

export interface Scenario {
  readonly name: string
  readonly title: string
  readonly job: Job
  readonly transport: Transport
  readonly durability: Durability | null
  /** Whether it is part of the quick run. */
  readonly isQuick: boolean
  /** Whether it needs limits above the broker's defaults. */
  readonly isLarge: boolean
  /** The name of one operation in the table. */
  readonly unit: 'delivery' | 'ping' | 'connection' | 'message'
}

const KIB = 1_024

const PLAIN: Omit<Scenario, 'name' | 'title' | 'job'> = {
  transport: 'tcp',
  durability: null,
  isQuick: false,
  isLarge: false,
  unit: 'delivery',
}

export const SCENARIOS: readonly Scenario[] = [
  ...([0, 1, 2] as const).map(qos =>
    scenario(
      `single-qos${qos}`,
      `100 → 100, 1:1, QoS ${qos}, 16 B, one packet a write`,
      pairs({ publishers: 100, subscribers: 100, qos, window: 1 }),
      { isQuick: true },
    ),
  ),
  ...([0, 1] as const).map(qos =>
    scenario(
      `twenty-qos${qos}`,
      `100 → 100, 1:1, QoS ${qos}, 16 B, 20 packets a write`,
      pairs({ publishers: 100, subscribers: 100, qos, window: 20, batch: 20 }),
      { isQuick: true },
    ),
  ),
  ...([0, 1, 2] as const).flatMap(qos => [
    scenario(`pairs-qos${qos}`, `50 → 50, 1:1, QoS ${qos}, 16 B`, pairs({ qos }), {
      isQuick: true,
    }),
    scenario(
      `pairs-qos${qos}-1k`,
      `50 → 50, 1:1, QoS ${qos}, 1 KiB`,
      pairs({ qos, payloadBytes: KIB }),
    ),
    scenario(
      `pairs-qos${qos}-64k`,
      `50 → 50, 1:1, QoS ${qos}, 64 KiB`,
      pairs({ qos, payloadBytes: 64 * KIB, window: 4 }),
    ),
  ]),
  scenario('fan-out-qos0', '1 → 500, QoS 0, 16 B', fanOut({}), { isQuick: true }),
  scenario('fan-out-qos1', '5 → 500, QoS 1, 16 B', fanOut({ publishers: 5, qos: 1, window: 8 }), {
    isQuick: true,
  }),
  scenario(
    'fan-out-topics-qos0',
    '1 → 500, QoS 0, 16 B, 10 topics in turn',
    fanOut({ topicsOfPublisher: 10 }),
  ),
  scenario('fan-out-100-qos0', '1 → 100, QoS 0, 16 B', fanOut({ subscribers: 100 })),
  scenario('fan-out-qos0-1k', '1 → 500, QoS 0, 1 KiB', fanOut({ payloadBytes: KIB })),
  scenario('fan-in-qos0', '100 → 1, QoS 0, 16 B', fanIn({}), { isQuick: true }),
  scenario('fan-in-qos1', '100 → 1, QoS 1, 16 B', fanIn({ qos: 1 }), { isQuick: true }),
  scenario('shared-qos1', '500 → group of 10, QoS 1, 16 B', shared({}), { isQuick: true }),
  scenario('paced-qos0', '500 → 500, 1:1, QoS 0, 16 B, 8,000/s', paced({}), { isQuick: true }),
  scenario('paced-qos1', '500 → 500, 1:1, QoS 1, 16 B, 4,000/s', paced({ qos: 1, rate: 4_000 })),
  scenario(
    'properties-qos1',
    '50 → 50, 1:1, QoS 1, 16 B, MQTT 5: aliases, two user properties',
    pairs({ qos: 1, isVersion5: true }),
    { isQuick: true },
  ),
  scenario(
    'wildcards-qos0',
    '50 → 50, +/n/#, QoS 0, 16 B, topics of a million, 100,000 other filters',
    pairs({ pattern: 'wildcards', topicsOfPublisher: 20_000, unrelatedFilters: 100_000 }),
    { isQuick: true },
  ),
  scenario(
    'retained-store',
    '100,000 retained messages of 64 B come in, QoS 1',
    retained('store'),
    {
      isLarge: true,
      unit: 'message',
    },
  ),
  scenario(
    'retained-replay',
    '100,000 retained messages of 64 B to one #, QoS 1',
    retained('replay'),
    {
      isLarge: true,
    },
  ),
  scenario('idle', '10,000 idle connections, 1,000 pings/s', idle([1_000, 10_000]), {
    unit: 'ping',
    isLarge: true,
  }),
  scenario('idle-small', '2,000 idle connections, 1,000 pings/s', idle([500, 2_000]), {
    unit: 'ping',
    isQuick: true,
  }),
  scenario('churn', 'connect, subscribe, publish, hear it, leave, 64 at once', storm(true), {
    unit: 'connection',
    isQuick: true,
  }),
  scenario('storm', 'connect and leave, 64 at once', storm(false), {
    unit: 'connection',
    isQuick: true,
  }),
  scenario(
    'million-filters',
    '50 → 50, QoS 0, 16 B, 1,000,000 filters',
    pairs({ topicsOfPublisher: 1_000, unrelatedFilters: 1_000_000 }),
  ),
  ...(['fsync', 'os', 'memory'] as const).map(durability =>
    scenario(
      `durable-${durability}`,
      `1,000 → 100 durable, QoS 1, 16 B, store: ${durability}`,
      pairs({ publishers: 1_000, subscribers: 100, qos: 1, isDurable: true }),
      { durability, isQuick: durability === 'fsync' },
    ),
  ),
  ...(['fsync', 'os'] as const).flatMap(durability => [
    scenario(
      `durable-group-${durability}`,
      `500 → group of 10 durable, QoS 1, 16 B, store: ${durability}`,
      shared({ isDurable: true }),
      { durability },
    ),
    scenario(
      `durable-queue-${durability}`,
      `500 → queue with 10 consumers, QoS 1, 16 B, store: ${durability}`,
      shared({ pattern: 'queue', isDurable: true }),
      { durability },
    ),
  ]),
  ...(['fsync', 'memory'] as const).flatMap(durability => [
    scenario(
      `transactions-10-${durability}`,
      `100 → 100 durable, QoS 1, 16 B, transactions of 10, store: ${durability}`,
      tens({ messagesOfTransaction: 10 }),
      { durability },
    ),
    scenario(
      `singly-10-${durability}`,
      `100 → 100 durable, QoS 1, 16 B, the same singly, store: ${durability}`,
      tens({}),
      { durability },
    ),
  ]),
  scenario(
    'durable-fsync-paced',
    '100 → 100 durable, QoS 1, 16 B, 2,000/s, store: fsync',
    paced({ publishers: 100, subscribers: 100, qos: 1, rate: 2_000, isDurable: true }),
    { durability: 'fsync' },
  ),
  scenario('tls-qos0', '50 → 50, 1:1, QoS 0, 16 B, TLS', pairs({}), { transport: 'tls' }),
  scenario('tls-qos1', '50 → 50, 1:1, QoS 1, 16 B, TLS', pairs({ qos: 1 }), {
    transport: 'tls',
    isQuick: true,
  }),
  scenario('tls-qos0-1k', '50 → 50, 1:1, QoS 0, 1 KiB, TLS', pairs({ payloadBytes: KIB }), {
    transport: 'tls',
  }),
  scenario('tls-storm', 'connect over TLS and leave, 64 at once', storm(false), {
    transport: 'tls',
    unit: 'connection',
  }),
  scenario('websocket-qos0', '50 → 50, 1:1, QoS 0, 16 B, WebSocket', pairs({}), {
    transport: 'websocket',
  }),
  scenario('websocket-qos1', '50 → 50, 1:1, QoS 1, 16 B, WebSocket', pairs({ qos: 1 }), {
    transport: 'websocket',
    isQuick: true,
  }),
]

export function scenario(
  name: string,
  title: string,
  job: Job,
  special: Partial<Omit<Scenario, 'name' | 'title' | 'job'>> = {},
): Scenario {
  return { ...PLAIN, ...special, name, title, job }
}

export function pairs(special: Partial<TrafficJob>): TrafficJob {
  return {
    kind: 'traffic',
    pattern: 'pairs',
    publishers: 50,
    subscribers: 50,
    qos: 0,
    payloadBytes: 16,
    window: special.qos === undefined || special.qos === 0 ? 100 : 20,
    rate: null,
    batch: 1,
    isDurable: false,
    messagesOfTransaction: 0,
    isVersion5: false,
    topicsOfPublisher: 1,
    unrelatedFilters: 0,
    ...special,
  }
}

export function fanOut(special: Partial<TrafficJob>): TrafficJob {
  return pairs({ pattern: 'fan-out', publishers: 1, subscribers: 500, window: 64, ...special })
}

export function fanIn(special: Partial<TrafficJob>): TrafficJob {
  return pairs({ pattern: 'fan-in', publishers: 100, subscribers: 1, window: 20, ...special })
}

export function shared(special: Partial<TrafficJob>): TrafficJob {
  return pairs({ pattern: 'shared', publishers: 500, subscribers: 10, qos: 1, ...special })
}

/** Ten messages a write, two writes on their way. */
function tens(special: Partial<TrafficJob>): TrafficJob {
  const counts = { publishers: 100, subscribers: 100, window: 20, batch: 10 }
  return pairs({ ...counts, qos: 1, isDurable: true, ...special })
}

function paced(special: Partial<TrafficJob>): TrafficJob {
  return pairs({ publishers: 500, subscribers: 500, rate: 8_000, window: 100, ...special })
}

export function idle(steps: readonly number[]): IdleJob {
  return { kind: 'idle', steps, pingsPerSecond: 1_000 }
}

function retained(measures: RetainedJob['measures']): RetainedJob {
  return { kind: 'retained', measures, count: 100_000 }
}

function storm(isCycle: boolean): StormJob {
  return { kind: 'storm', atOnce: 64, isCycle }
}
