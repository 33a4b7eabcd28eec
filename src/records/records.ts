// What has happened: all that the broker writes down about its clients and itself, in bounded memory, for whoever asks later.

import type { Identity } from '../access/identity.ts'
import type { Permissions } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import { HistogramWindow } from '../observe/histogram.ts'
import { Alarms, type AlarmSources } from './alarms.ts'
import { BadEnds } from './bad-ends.ts'
import { Census } from './census.ts'
import { type AccessQuestion, explainAccess } from './explain-access.ts'
import { type DeliveryQuestion, explainDelivery } from './explain-delivery.ts'
import type { Explanation } from './explanation.ts'
import { CountedNames } from './counted-names.ts'
import { History, type Sample } from './history.ts'
import type { Latencies } from './latencies.ts'
import type { LogLines } from './log-lines.ts'
import { RecordObserver } from './record-observer.ts'
import { RefusedClients } from './refused-clients.ts'
import { Timelines } from './timelines.ts'
import type { TappedSocket } from './client-trace.ts'
import { Topics } from './topics.ts'
import { Traces } from './traces.ts'

interface RecordsOptions {
  readonly broker: Broker
  readonly latencies: Latencies
  readonly logLines: LogLines
  readonly timelineBytesMax: number
  /** Returns the time of day in milliseconds. */
  readonly now: () => number
  /** Milliseconds, with fractions, of a clock that never goes back. */
  readonly monotonicMs: () => number
  readonly later: (proceed: () => void) => void
  /** Calls back after so many milliseconds. */
  readonly after: (milliseconds: number, act: () => void) => void
  /** The rights of a client that is not connected; none if they are not known. */
  readonly permissionsOf: (identity: Identity) => Permissions
  readonly sockets: () => Iterable<TappedSocket>
  /** Whether there is a file of users, so that a refused client can be added to it. */
  readonly hasUsers: boolean
  readonly usage: () => { readonly cpuSeconds: number; readonly residentBytes: number }
  /** For the alarms. */
  readonly state: Pick<
    AlarmSources,
    'storeFreeBytes' | 'troubles' | 'certificates' | 'connectionsRefused' | 'bridges'
  >
}

/** The 99th percentile. */
const P99 = 0.99

// Wide on purpose: its fields are all that is kept.
export class Records {
  readonly timelines: Timelines
  readonly badEnds: BadEnds
  readonly refusedClients: RefusedClients
  readonly census: Census
  readonly alarms: Alarms
  readonly history = new History()
  readonly logLines: LogLines
  readonly topics: Topics
  readonly traces: Traces
  readonly latencies: Latencies
  readonly #options: RecordsOptions
  readonly #percentiles: Percentiles
  readonly #rates: Rates

  constructor(options: RecordsOptions) {
    const { broker, latencies, now } = options
    this.#options = options
    this.latencies = latencies
    this.logLines = options.logLines
    this.timelines = new Timelines(options.timelineBytesMax, now)
    this.badEnds = new BadEnds(now)
    this.refusedClients = new RefusedClients(now, options.hasUsers)
    this.#percentiles = new Percentiles(latencies)
    this.#rates = new Rates(options)
    this.topics = new Topics(options)
    this.traces = new Traces(options)
    const { timelines, badEnds, refusedClients } = this
    const drops = new CountedNames()
    const refusals = new CountedNames()
    this.census = new Census({
      broker,
      drops,
      refusals,
      queueFills: (clientId, cause) => timelines.record(clientId, { kind: 'queue-filling', cause }),
      now: options.monotonicMs,
      later: options.later,
    })
    this.alarms = new Alarms({
      ...options.state,
      broker,
      census: this.census,
      refusedClients,
      loopDelaySeconds: () => this.#percentiles.loopDelaySeconds,
    })
    const { observers } = broker.faults
    observers.add(new RecordObserver({ timelines, badEnds, refusedClients, drops, refusals }))
    observers.add({
      connectAnswered: milliseconds => latencies.connect.add(milliseconds / 1_000),
      contested: ({ clientId }) => this.alarms.contested(clientId, now()),
    })
  }

  explainDelivery(question: DeliveryQuestion): Explanation {
    const { timelines, badEnds, topics, traces } = this
    const { broker } = this.#options
    return explainDelivery(question, { broker, timelines, badEnds, topics, traces })
  }

  explainAccess(question: AccessQuestion): Explanation {
    const { broker, permissionsOf } = this.#options
    const { badEnds, refusedClients } = this
    return explainAccess(question, { broker, permissionsOf, badEnds, refusedClients })
  }

  /** Called once a second. */
  tick(): void {
    const now = this.#options.now()
    const sample = { ...this.#rates.take(), ...this.#percentiles.take() }
    this.history.add(now, { ...sample, queuedMessages: this.census.queuedMessages })
    this.alarms.update(now)
  }
}

/** So many seconds in a row must be slow before it is worth an alarm. */
const SLOW_SECONDS = 3

/** The 99th percentiles of the last second, in milliseconds. */
class Percentiles {
  #loopDelays: readonly number[] = []
  readonly #deliver: HistogramWindow
  readonly #commit: HistogramWindow
  readonly #connect: HistogramWindow
  readonly #loop: HistogramWindow

  constructor({ deliver, commit, connect, loopDelay }: Latencies) {
    this.#deliver = new HistogramWindow(deliver)
    this.#commit = new HistogramWindow(commit)
    this.#connect = new HistogramWindow(connect)
    this.#loop = new HistogramWindow(loopDelay)
  }

  /** The shortest delay of the event loop in the last seconds; NaN if there was none to measure. */
  get loopDelaySeconds(): number {
    return this.#loopDelays.length < SLOW_SECONDS
      ? NaN
      : this.#loopDelays.reduce((one, other) => Math.min(one, other))
  }

  take() {
    const loopDelay = this.#loop.take(P99)
    this.#loopDelays = [...this.#loopDelays, loopDelay].slice(-SLOW_SECONDS)
    return {
      deliverP99Ms: this.#deliver.take(P99) * 1_000,
      commitP99Ms: this.#commit.take(P99) * 1_000,
      connectP99Ms: this.#connect.take(P99) * 1_000,
      loopP99Ms: loopDelay * 1_000,
    }
  }
}

type Counters = Readonly<Record<CounterName, number>>
type CounterName =
  | 'messagesReceived'
  | 'messagesSent'
  | 'bytesReceived'
  | 'bytesSent'
  | 'dropped'
  | 'publishesRefused'
  | 'subscribesRefused'
  | 'connectionsAccepted'
  | 'connectionsRefused'
  | 'connectionsLost'

/** The counters of the last second as rates, and the gauges. */
class Rates {
  readonly #options: RecordsOptions
  #before: Counters
  #cpuBefore: number
  #at: number

  constructor(options: RecordsOptions) {
    this.#options = options
    this.#before = countersOf(options.broker)
    this.#cpuBefore = options.usage().cpuSeconds
    this.#at = options.monotonicMs()
  }

  take(): Omit<
    Sample,
    'queuedMessages' | 'deliverP99Ms' | 'commitP99Ms' | 'connectP99Ms' | 'loopP99Ms'
  > {
    const { broker, state, usage, monotonicMs } = this.#options
    const counters = countersOf(broker)
    const now = monotonicMs()
    const seconds = Math.max(0.001, (now - this.#at) / 1_000)
    const { cpuSeconds, residentBytes } = usage()
    const rate = (name: CounterName): number => (counters[name] - this.#before[name]) / seconds
    const sample = {
      messagesReceived: rate('messagesReceived'),
      messagesSent: rate('messagesSent'),
      bytesReceived: rate('bytesReceived'),
      bytesSent: rate('bytesSent'),
      dropped: rate('dropped'),
      publishesRefused: rate('publishesRefused'),
      subscribesRefused: rate('subscribesRefused'),
      connectionsAccepted: rate('connectionsAccepted'),
      connectionsRefused: rate('connectionsRefused'),
      connectionsLost: rate('connectionsLost'),
      clientsConnected: broker.sessions.connectedCount,
      sessions: broker.sessions.count,
      subscriptions: broker.subscriptions.count,
      retainedMessages: broker.retainedCount,
      keptHeapBytes: broker.memory.heapBytes,
      residentBytes,
      processorPercent: (100 * (cpuSeconds - this.#cpuBefore)) / seconds,
      storeFreeBytes: state.storeFreeBytes(),
      overloadLevel: broker.overload.level,
    }
    this.#before = counters
    this.#cpuBefore = cpuSeconds
    this.#at = now
    return sample
  }
}

function countersOf({ statistics }: Broker): Counters {
  const dropped = Object.values(statistics.dropped).reduce((sum, count) => sum + count, 0)
  const { messagesReceived, messagesSent, bytesReceived, bytesSent } = statistics
  const { publishesRefused, subscribesRefused } = statistics
  const { connectionsAccepted, connectionsRefused, connectionsLost } = statistics
  return {
    messagesReceived,
    messagesSent,
    bytesReceived,
    bytesSent,
    dropped,
    publishesRefused,
    subscribesRefused,
    connectionsAccepted,
    connectionsRefused,
    connectionsLost,
  }
}
