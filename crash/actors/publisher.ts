// Publishes with a full window at QoS 1 and 2: to many subscribers and to share groups, and retained messages; or into named queues, some
// of it delayed. After a kill it continues with its messages in flight.

import { Client, type ClientSettings } from '../client.ts'
import type { EventLog } from '../event-log.ts'
import type { Random } from '../random.ts'
import { ClientActor } from './client-actor.ts'

export interface PublisherSettings {
  readonly window: number
  readonly qos: readonly [1 | 2, ...(1 | 2)[]]
  /** New messages in each run of the broker. */
  readonly messagesPerLife: number
  /** Where each message goes. */
  readonly aim: (random: Random, clientId: string, qos: 1 | 2) => Aim
}

interface Aim {
  readonly topic: string
  readonly retain: boolean
}

const TOPICS = 3
/** A queue in order takes one message at a time, so it gets fewer. */
const FILLED = ['fifo', 'keyed', 'keyed', 'parallel', 'parallel', 'parallel'] as const
const PAUSE_MILLISECONDS_MAX = 8
/** New messages at a time: few, so that they are spread over the whole run of a broker. */
const BURST_MAX = 8
const RETRY_MILLISECONDS = 50

export class Publisher extends ClientActor {
  protected readonly client: Client
  readonly #settings: PublisherSettings
  #sequence = 0
  #budget = 0

  constructor(facts: ClientSettings, settings: PublisherSettings, log: EventLog, random: Random) {
    super(random)
    this.#settings = settings
    this.client = new Client(facts, log, {
      connected: () => this.#publishSome(),
      closed: () => this.connectAfter(RETRY_MILLISECONDS),
    })
  }

  get isSettled(): boolean {
    return this.client.isConnected && this.client.inFlight === 0
  }

  protected override cameUp(): void {
    this.#budget = this.#settings.messagesPerLife
    super.cameUp()
  }

  protected resumed(): void {
    this.#budget = this.#settings.messagesPerLife
    this.#publishSome()
  }

  #publishSome(): void {
    if (!this.client.isConnected || this.isSettling || this.#budget === 0) return
    const room = this.#settings.window - this.client.inFlight
    const count = Math.min(room, this.#budget, this.random.whole(1, BURST_MAX))
    for (let published = 0; published < count; published++) this.#publishOne()
    this.#budget -= Math.max(0, count)
    this.later(this.random.whole(0, PAUSE_MILLISECONDS_MAX), () => this.#publishSome())
  }

  #publishOne(): void {
    this.#sequence += 1
    const { clientId } = this.client.facts
    const qos = this.random.pick(this.#settings.qos)
    const { topic, retain } = this.#settings.aim(this.random, clientId, qos)
    this.client.publish({
      publisher: clientId,
      sequence: this.#sequence,
      topic,
      qos,
      retain,
      isEmpty: retain && this.random.chance(0.25),
    })
  }
}

/** Data for many, work for share groups, and what is retained. */
export function aimAtTopics(random: Random, clientId: string, qos: 1 | 2): Aim {
  const number = random.whole(1, TOPICS)
  const kind = random.fraction()
  if (kind < 0.6) return { topic: `crash/data/${clientId}/${number}`, retain: false }
  if (kind < 0.8) return { topic: `crash/work/${clientId}/${number}`, retain: false }
  // All values of a retained topic have the same QoS. Otherwise they would have no order.
  return { topic: `crash/retained/${clientId}/${number}-qos${qos}`, retain: true }
}

/** For transactional workers. */
export function aimAtWorkers(random: Random): Aim {
  const queue = random.pick(['orders', 'tasks'])
  return { topic: `crash/${queue}/${random.whole(1, TOPICS)}`, retain: false }
}

/** Into a named queue, by its filter or directly; one in ten is delayed. */
export function aimAtQueues(random: Random, clientId: string): Aim {
  const queue = random.pick(FILLED)
  const topic = random.chance(0.3)
    ? `$queue/${queue}`
    : `crash/queue/${queue}/${clientId}/${random.whole(1, TOPICS)}`
  return { topic: random.chance(0.1) ? `$delayed/1/${topic}` : topic, retain: false }
}
