// The figures that mosquitto publishes in $SYS, with its names and formats, for the dashboards and exporters that read them.

import type { Statistics } from '../broker/statistics.ts'
import type { Status } from './status.ts'

/** What the figures are made from. */
export interface SysSources {
  readonly version: string
  readonly status: Pick<
    Status,
    | 'uptimeSeconds'
    | 'clientsConnected'
    | 'sessions'
    | 'subscriptions'
    | 'retainedMessages'
    | 'dropped'
    | 'queuedMessages'
    | 'queuedBytes'
    | 'retainedBytes'
    | 'sharedSubscriptions'
  >
  readonly statistics: Pick<
    Statistics,
    | 'connectionsAccepted'
    | 'connectionsRefused'
    | 'sessionsExpired'
    | 'packetsReceived'
    | 'packetsSent'
    | 'bytesReceived'
    | 'bytesSent'
    | 'messagesReceived'
    | 'messagesSent'
    | 'publishBytesReceived'
    | 'publishBytesSent'
  >
  readonly heapBytes: number
}

type Figure = readonly [name: string, value: number]

const LOAD_MINUTES = [1, 5, 15]

export class SysFigures {
  readonly #loads = new Map<string, Load>()
  /** What was last returned. */
  last: ReadonlyMap<string, string> = new Map()
  #clientsMax = 0
  #heapBytesMax = 0

  /** Returns the payload of each topic below `$SYS/broker`. `seconds`: since the last call. */
  of(sources: SysSources, seconds: number): ReadonlyMap<string, string> {
    const { version, status, heapBytes } = sources
    const { sessions, clientsConnected } = status
    this.#clientsMax = Math.max(this.#clientsMax, sessions)
    this.#heapBytesMax = Math.max(this.#heapBytesMax, heapBytes)
    const away = sessions - clientsConnected
    const counts = countsOf(sources)
    const stored = status.retainedMessages + status.queuedMessages
    this.last = new Map([
      ['version', `pondhawk version ${version}`],
      ['uptime', `${status.uptimeSeconds} seconds`],
      ...plain([
        ['clients/total', sessions],
        ['clients/maximum', this.#clientsMax],
        ['clients/connected', clientsConnected],
        ['clients/active', clientsConnected],
        ['clients/disconnected', away],
        ['clients/inactive', away],
        ['clients/expired', sources.statistics.sessionsExpired],
        ['subscriptions/count', status.subscriptions],
        ['shared_subscriptions/count', status.sharedSubscriptions],
        ['retained messages/count', status.retainedMessages],
        ['messages/stored', stored],
        ['store/messages/count', stored],
        ['store/messages/bytes', status.retainedBytes + status.queuedBytes],
        ['publish/bytes/received', sources.statistics.publishBytesReceived],
        ['publish/bytes/sent', sources.statistics.publishBytesSent],
        ['heap/current', heapBytes],
        ['heap/maximum', this.#heapBytesMax],
        ...counts.filter(([name]) => name !== 'sockets' && name !== 'connections'),
      ]),
      ...counts.flatMap(([name, total]) => this.#loadsOf(name, total, seconds)),
    ])
    return this.last
  }

  /** Returns how many a minute, averaged over about one, five and fifteen minutes. */
  #loadsOf(name: string, total: number, seconds: number): [string, string][] {
    const known = this.#loads.get(name) ?? new Load()
    this.#loads.set(name, known)
    const averages = known.after(total, seconds)
    const short = name.replace('publish/messages', 'publish')
    return LOAD_MINUTES.map((minutes, index) => [
      `load/${short}/${minutes}min`,
      (averages[index] ?? 0).toFixed(2),
    ])
  }
}

/** An average in which older minutes count less and less, as the load average of Unix. */
class Load {
  readonly #averages = LOAD_MINUTES.map(() => 0)
  #total = 0

  after(total: number, seconds: number): readonly number[] {
    const aMinute = ((total - this.#total) * 60) / seconds
    this.#total = total
    for (const [index, minutes] of LOAD_MINUTES.entries()) {
      const kept = Math.exp(-seconds / (60 * minutes))
      this.#averages[index] = aMinute + kept * ((this.#averages[index] ?? 0) - aMinute)
    }
    return this.#averages
  }
}

/** Counters. mosquitto publishes their loads as well: see `Load`. */
function countsOf({ status, statistics }: SysSources): readonly Figure[] {
  const { connectionsAccepted, connectionsRefused } = statistics
  return [
    ['messages/received', statistics.packetsReceived],
    ['messages/sent', statistics.packetsSent],
    ['publish/messages/received', statistics.messagesReceived],
    ['publish/messages/sent', statistics.messagesSent],
    [
      'publish/messages/dropped',
      Object.values(status.dropped).reduce((sum, count) => sum + count, 0),
    ],
    ['bytes/received', statistics.bytesReceived],
    ['bytes/sent', statistics.bytesSent],
    ['sockets', connectionsAccepted],
    ['connections', connectionsAccepted - connectionsRefused],
  ]
}

function plain(figures: readonly Figure[]): [string, string][] {
  return figures.map(([name, value]) => [name, String(value)])
}
