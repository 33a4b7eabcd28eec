// The figures of the status in the text format of Prometheus (0.0.4): under names of our own, and under those that exporters of
// mosquitto's $SYS use, for their dashboards. No label names a client, a user or a topic.
// Named queues have a label of their own, of a bounded number of values.

import { BUCKET_SECONDS, type Histogram } from './histogram.ts'
import { failuresOf, FRONT_END_METRICS, frontEndFigures } from './front-end-metrics.ts'
import type { NamedQueue } from '../session/named-queue/named-queue.ts'
import { QUEUE_METRICS, queueFigures } from './queue-metrics.ts'
import type { FIGURES, Status } from './status.ts'

type Kind = 'counter' | 'gauge' | 'histogram'
type FigureName = (typeof FIGURES)[number]['name']
type Counts = Readonly<Record<string, number>>

interface Metric {
  readonly name: string
  readonly kind: Kind
}

/** The compiler asks for the name of a new figure. */
const NAMES: Readonly<Record<FigureName, Metric>> = {
  clientsConnected: gauge('clients_connected'),
  sessions: gauge('sessions'),
  subscriptions: gauge('subscriptions'),
  sharedSubscriptions: gauge('shared_subscriptions'),
  retainedMessages: gauge('retained_messages'),
  retainedBytes: gauge('retained_bytes'),
  queuedMessages: gauge('queued_messages'),
  queuedBytes: gauge('queued_bytes'),
  packetsReceived: counter('packets_received'),
  packetsSent: counter('packets_sent'),
  sessionsExpired: counter('sessions_expired'),
  messagesReceived: counter('messages_received'),
  messagesSent: counter('messages_sent'),
  bytesReceived: counter('received_bytes'),
  bytesSent: counter('sent_bytes'),
  publishBytesReceived: counter('received_payload_bytes'),
  publishBytesSent: counter('sent_payload_bytes'),
  sessionsTakenOver: counter('sessions_taken_over'),
  clientIdsContested: counter('client_ids_contested'),
  connectsWaiting: gauge('connects_waiting'),
  connectsGivenUp: counter('connects_given_up'),
  overloadLevel: gauge('overload_level'),
  publishesRefused: counter('publishes_refused'),
  publishesHeld: counter('publishes_held'),
  messagesFiltered: counter('messages_filtered'),
  messagesConflated: counter('messages_conflated'),
  delayedMessages: gauge('delayed_messages'),
  transactionsOpen: gauge('transactions_open'),
  transactionsUndecided: gauge('transactions_undecided'),
  transactionsCommitted: counter('transactions_committed'),
  transactionsAborted: counter('transactions_aborted'),
  transactionsRefused: counter('transactions_refused'),
  transactionsForgotten: counter('transactions_forgotten'),
  messageIds: gauge('message_ids'),
  protocolErrors: counter('protocol_errors'),
  strangersClosed: counter('strangers_closed'),
  subscribesRefused: counter('subscribes_refused'),
  unsubscribesRefused: counter('unsubscribes_refused'),
  subscriptionsRevoked: counter('subscriptions_revoked'),
  internalErrors: counter('internal_errors'),
  hookErrors: counter('hook_errors'),
  hookTimeouts: counter('hook_timeouts'),
  hookWaits: counter('hook_waits'),
  keptHeapBytes: gauge('kept_heap_bytes'),
  keptHeapBytesMax: gauge('kept_heap_max_bytes'),
  keptBufferBytes: gauge('kept_buffer_bytes'),
  keptBufferBytesMax: gauge('kept_buffer_max_bytes'),
  keptRefusals: counter('kept_refusals'),
  logLinesLeftOut: counter('log_lines_left_out'),
}

interface Group {
  readonly metric: Metric
  readonly label: string
  readonly help: string
  readonly counts: (status: Status) => Counts
}

const GROUPS: readonly Group[] = [
  {
    metric: counter('messages_dropped'),
    label: 'reason',
    help: 'Messages that were not delivered to a subscriber, by reason',
    counts: ({ dropped }) => dropped,
  },
  {
    metric: counter('limits_reached'),
    label: 'limit',
    help: 'How often each limit was reached, by its name in the configuration',
    counts: ({ limited }) => limited,
  },
  {
    metric: gauge('overload_sensor_level'),
    label: 'sensor',
    help: 'The level of overload that each sensor shows, from 0 to 3',
    counts: ({ overload }) => overload,
  },
  {
    metric: counter('overload_actions'),
    label: 'action',
    help: 'What was done because of overload',
    counts: ({ overloadActions }) => overloadActions,
  },
  {
    metric: gauge('kept_bytes'),
    label: 'kind',
    help: 'What clients keep in the heap of the process, by kind',
    counts: ({ kept }) => kept,
  },
  {
    metric: gauge('bridge_connected'),
    label: 'bridge',
    help: '1 for each bridge that is connected, 0 for each that is not',
    counts: ({ bridges }) => bridges,
  },
  {
    metric: counter('front_end_failures'),
    label: 'cause',
    help: 'How often front ends have failed, by why',
    counts: ({ frontEnds }) => failuresOf(frontEnds),
  },
  {
    metric: counter('access_events'),
    label: 'event',
    help: 'Logins, refusals and checks of rules',
    counts: ({ access }) => access,
  },
]

/** How long something takes. */
export interface Timings {
  readonly deliver: Histogram
  readonly commit: Histogram
  readonly connect: Histogram
  readonly loopDelay: Histogram
}

const TIMINGS: readonly (readonly [name: keyof Timings, metric: string, help: string])[] = [
  [
    'deliver',
    'pondhawk_publish_to_deliver_seconds',
    'From the turn that received a message until it was written to a socket, for each delivery',
  ],
  ['commit', 'pondhawk_commit_seconds', 'How long a commit of the store takes'],
  ['connect', 'pondhawk_connect_seconds', 'From CONNECT to its answer, with authentication'],
  [
    'loopDelay',
    'pondhawk_event_loop_delay_seconds',
    'Delay of the event loop: the 99th percentile of each 100 ms',
  ],
]

/** The names in mosquitto's $SYS, as its exporters write them behind `broker_`. */
const ALIASES: readonly (readonly [string, (status: Status) => number])[] = [
  ['messages_received', ({ packetsReceived }) => packetsReceived],
  ['messages_sent', ({ packetsSent }) => packetsSent],
  ['messages_stored', stored],
  ['clients_expired', ({ sessionsExpired }) => sessionsExpired],
  ['heap_current', ({ keptHeapBytes }) => keptHeapBytes],
  ['uptime', ({ uptimeSeconds }) => uptimeSeconds],
  ['clients_connected', ({ clientsConnected }) => clientsConnected],
  ['clients_disconnected', ({ sessions, clientsConnected }) => sessions - clientsConnected],
  ['clients_total', ({ sessions }) => sessions],
  ['subscriptions_count', ({ subscriptions }) => subscriptions],
  ['retained_messages_count', ({ retainedMessages }) => retainedMessages],
  ['bytes_received', ({ bytesReceived }) => bytesReceived],
  ['bytes_sent', ({ bytesSent }) => bytesSent],
  ['publish_messages_received', ({ messagesReceived }) => messagesReceived],
  ['publish_messages_sent', ({ messagesSent }) => messagesSent],
  ['publish_bytes_received', ({ publishBytesReceived }) => publishBytesReceived],
  ['publish_bytes_sent', ({ publishBytesSent }) => publishBytesSent],
  ['shared_subscriptions_count', ({ sharedSubscriptions }) => sharedSubscriptions],
  ['store_messages_count', stored],
  ['store_messages_bytes', ({ retainedBytes, queuedBytes }) => retainedBytes + queuedBytes],
  ['publish_messages_dropped', ({ dropped }) => sumOf(dropped)],
]

/** The names of EMQX that its dashboards ask for, as far as there is the same figure here. */
const EMQX: typeof ALIASES = [
  ['emqx_bytes_received', ({ bytesReceived }) => bytesReceived],
  ['emqx_bytes_sent', ({ bytesSent }) => bytesSent],
  ['emqx_cluster_nodes_running', () => 1],
  ['emqx_connections_count', ({ clientsConnected }) => clientsConnected],
  ['emqx_messages_received', ({ messagesReceived }) => messagesReceived],
  ['emqx_messages_sent', ({ messagesSent }) => messagesSent],
  ['emqx_packets_received', ({ packetsReceived }) => packetsReceived],
  ['emqx_packets_sent', ({ packetsSent }) => packetsSent],
  ['emqx_retained_count', ({ retainedMessages }) => retainedMessages],
  ['emqx_sessions_count', ({ sessions }) => sessions],
  ['emqx_subscriptions_count', ({ subscriptions }) => subscriptions],
  ['emqx_subscriptions_shared_count', ({ sharedSubscriptions }) => sharedSubscriptions],
  ['emqx_delivery_dropped', ({ dropped }) => sumOf(dropped)],
  ['emqx_delivery_dropped_expired', ({ dropped }) => dropped['message-expired'] ?? 0],
  ['emqx_delivery_dropped_queue_full', ({ dropped }) => dropped['queue-full'] ?? 0],
  ['emqx_delivery_dropped_too_large', ({ dropped }) => dropped['packet-too-large'] ?? 0],
]

/** The media type of the text format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** What is served besides our own names. */
export interface OtherNames {
  /** What $SYS was last told. */
  readonly sys: ReadonlyMap<string, string>
  /** Prefixes of others than mosquitto's exporters: see `metrics.compat` of the configuration. */
  readonly compat: readonly ('mosquitto' | 'emqx')[]
  readonly queues: readonly NamedQueue[]
}

const NO_OTHERS: OtherNames = { sys: new Map(), compat: [], queues: [] }

/** Returns the page. `figures` are the descriptions in `status.ts`; `usage` is what the process uses. */
export function metricsOf(
  status: Status,
  figures: typeof FIGURES,
  usage: { readonly cpuSeconds: number; readonly residentBytes: number },
  timings: Timings,
  { sys, compat, queues }: OtherNames = NO_OTHERS,
): string {
  const page = new Page()
  page.one(gauge('uptime_seconds'), UPTIME, status.uptimeSeconds)
  page.one(gauge('store_full'), STORE_FULL, status.storeIsFull ? 1 : 0)
  page.group(gauge('store_durability'), DURABILITY, 'level', { [status.durability]: 1 })
  for (const { name, counts } of figures) page.one(NAMES[name], counts, status[name])
  for (const { metric, label, help, counts } of GROUPS) {
    page.group(metric, help, label, counts(status))
  }
  for (const metric of FRONT_END_METRICS) {
    page.group(metric, metric.help, 'process', frontEndFigures(metric, status.frontEnds))
  }
  for (const metric of QUEUE_METRICS) {
    page.group(metric, metric.help, 'queue', queueFigures(metric, queues))
  }
  for (const [name, metric, help] of TIMINGS) page.histogram(metric, help, timings[name])
  const { cpuSeconds, residentBytes } = usage
  page.line('process_cpu_seconds_total', 'counter', CPU, cpuSeconds)
  page.line('process_resident_memory_bytes', 'gauge', MEMORY, residentBytes)
  for (const [name, value] of mosquittoFigures(status, sys)) {
    page.line(`broker_${name}`, 'untyped', AS_MOSQUITTO, value)
    if (compat.includes('mosquitto')) {
      page.line(`mosquitto_${name}`, 'untyped', AS_MOSQUITTO, value)
    }
  }
  if (compat.includes('emqx')) {
    for (const [name, valueOf] of EMQX) page.line(name, 'untyped', AS_EMQX, valueOf(status))
  }
  return page.text
}

/** Everything that `metricsOf` may serve under names of our own, for the reference. */
export function describedMetrics(
  figures: typeof FIGURES,
): readonly (Metric & { readonly help: string; readonly label: string | null })[] {
  return [
    { ...gauge('uptime_seconds'), help: UPTIME, label: null },
    { ...gauge('store_full'), help: STORE_FULL, label: null },
    { ...gauge('store_durability'), help: DURABILITY, label: 'level' },
    ...figures.map(({ name, counts }) => ({ ...NAMES[name], help: counts, label: null })),
    ...GROUPS.map(({ metric, label, help }) => ({ ...metric, help, label })),
    ...FRONT_END_METRICS.map(({ name, kind, help }) => ({ name, kind, help, label: 'process' })),
    ...QUEUE_METRICS.map(({ name, kind, help }) => ({ name, kind, help, label: 'queue' })),
    ...TIMINGS.map(([, name, help]) => ({ name, kind: 'histogram' as const, help, label: null })),
    { name: 'process_cpu_seconds_total', kind: 'counter', help: CPU, label: null },
    { name: 'process_resident_memory_bytes', kind: 'gauge', help: MEMORY, label: null },
  ]
}

const UPTIME = 'How long the broker has been running'
const STORE_FULL = 'Whether the disk of the store is full'
const DURABILITY = '1 with what an acknowledged message survives: fsync, replicated, os or memory'
const CPU = 'CPU time of all threads'
const MEMORY = 'Memory of the process'
const AS_MOSQUITTO = 'As in $SYS of mosquitto'
const AS_EMQX = 'As EMQX counts it'

/** Those of this moment, and of the others (loads, maxima) what $SYS was last told. */
function mosquittoFigures(
  status: Status,
  sys: ReadonlyMap<string, string>,
): ReadonlyMap<string, number> {
  const figures = new Map(ALIASES.map(([name, valueOf]) => [name, valueOf(status)]))
  for (const [topic, payload] of sys) {
    const name = topic.replaceAll(/[/ .-]/g, '_')
    if (!figures.has(name) && /^\d+(?:\.\d+)?$/.test(payload)) figures.set(name, Number(payload))
  }
  return figures
}

class Page {
  text = ''

  one({ name, kind }: Metric, help: string, value: number): void {
    this.line(name, kind, help, value)
  }

  line(name: string, kind: Kind | 'untyped', help: string, value: number): void {
    this.#head(name, kind, help)
    this.text += `${name} ${value}\n`
  }

  group({ name, kind }: Metric, help: string, label: string, counts: Counts): void {
    const entries = Object.entries(counts)
    if (entries.length === 0) return
    this.#head(name, kind, help)
    for (const [key, count] of entries) this.text += `${name}{${label}="${key}"} ${count}\n`
  }

  histogram(name: string, help: string, { counts, count, sumSeconds }: Histogram): void {
    this.#head(name, 'histogram', help)
    let below = 0
    for (const [bucket, seconds] of BUCKET_SECONDS.entries()) {
      below += counts[bucket] ?? 0
      this.text += `${name}_bucket{le="${seconds}"} ${below}\n`
    }
    this.text += `${name}_bucket{le="+Inf"} ${count}\n`
    this.text += `${name}_sum ${sumSeconds}\n${name}_count ${count}\n`
  }

  #head(name: string, kind: string, help: string): void {
    this.text += `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`
  }
}

function counter(name: string): Metric {
  return { name: `pondhawk_${name}_total`, kind: 'counter' }
}

function gauge(name: string): Metric {
  return { name: `pondhawk_${name}`, kind: 'gauge' }
}

function stored({ retainedMessages, queuedMessages }: Status): number {
  return retainedMessages + queuedMessages
}

function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
