// One partition of a simulated world: its disk, its broker, and what its clients see of it.

import { QUOTA_EXCEEDED } from '../src/packet/reason.ts'
import { decodeFrame } from '../src/partition/frame.ts'
import { partitionOf } from '../src/partition/partition-of.ts'
import { Partitions } from '../src/partition/partitions.ts'
import type { Drops } from './drops.ts'
import { mayEndAny } from './end-reasons.ts'
import type { EventQueue } from './event-queue.ts'
import type { FrameNetwork } from './frame-network.ts'
import {
  type History,
  idIn,
  isPublishedLater,
  type Publication,
  type SessionRecord,
} from './history.ts'
import type { PartitionTrial } from './partition-trials.ts'
import type { SimQueueSettings } from './queue-settings.ts'
import type { QueueWorld } from './queue-world.ts'
import type { Random } from './random.ts'
import type { SimBroker } from './sim-broker.ts'
import type { ClientWorld } from './sim-client.ts'
import type { SimDisk } from './sim-disk.ts'
import { SimProcess } from './sim-process.ts'
import type { ClientEnd, SimWire } from './sim-wire.ts'
import type { WorldSettings } from './world-settings.ts'

/** What all partitions of a world share. */
export interface PartitionSurroundings {
  readonly events: EventQueue
  readonly random: Random
  readonly history: History
  readonly settings: WorldSettings
  readonly trial: PartitionTrial
  readonly drops: Drops
  readonly count: number
  readonly network: FrameNetwork
  /** Sequence and delivery numbers are above this one. */
  readonly lastNumber: number
  /** The bytes that a line to another partition may hold. */
  readonly lineBytesMax: number
  /** How many retained messages another partition is given at once. */
  readonly pageRowsMax: number
  readonly namedQueues: ReadonlyMap<string, SimQueueSettings>
  trace(line: () => string): void
}

const TICK_MS = 200
/** No world takes so long: a SUBACK waits for all partitions. */
const TOLD_WAIT_MS = 1_000_000
/** What was published earlier than this before the end of a partition has reached the others. */
const UNDER_WAY_MS = 20_000

export class PartitionCore implements ClientWorld {
  readonly number: number
  readonly events: EventQueue
  readonly history: History
  brokerStartedAt: number | null = null
  partitions: Partitions | null = null
  /** The named queues that it keeps. */
  queues: QueueWorld | null = null
  /** Its broker, and what was counted of it. */
  readonly process: SimProcess
  /** Messages of other partitions, over all runs. */
  applied = 0
  /** Messages that share groups here have handed to members elsewhere. */
  handOuts = 0
  readonly #world: PartitionSurroundings
  readonly #deaths: number[] = []

  constructor(number: number, world: PartitionSurroundings) {
    this.number = number
    this.#world = world
    this.events = world.events
    this.history = world.history
    this.process = this.#newProcess()
  }

  get disk(): SimDisk {
    return this.process.disk
  }

  has(clientId: string): boolean {
    return partitionOf(clientId, this.#world.count) === this.number
  }

  /** Whether the partition may have ended before it had sent the message to the others. */
  mayHaveLost(publication: Publication): boolean {
    const { sentAtMs } = publication
    const isLater = isPublishedLater(publication)
    return this.#deaths.some(
      at => at >= sentAtMs && (isLater || at <= this.#lastSent(publication) + UNDER_WAY_MS),
    )
  }

  #lastSent({ acceptedAtMs, sentAtMs }: Publication): number {
    return acceptedAtMs ?? Math.max(sentAtMs, ...this.#deaths)
  }

  trace(line: () => string): void {
    this.#world.trace(() => `(${this.number}) ${line()}`)
  }

  // What clients see.

  mayEndWith(reason: number): boolean {
    // A line to another partition is full.
    return mayEndAny(reason) || reason === QUOTA_EXCEEDED
  }

  wire(client: ClientEnd): SimWire | null {
    return this.partitions?.isComplete === true ? this.process.wire(client, 0) : null
  }

  // The process.

  #newProcess(): SimProcess {
    const { events, random, history, settings, trial, drops, lastNumber } = this.#world
    const { makeCore, spoils } = trial
    return new SimProcess({
      ...{ events, random, history, settings, drops, makeCore },
      starting: () => ({
        namedQueues: this.#world.namedQueues,
        handedOut: (clientId, message) => this.queues?.oracle.handedOut(clientId, message),
        lastNumber,
        observers: this.queues === null ? [] : [this.queues.oracle.stored],
        restored: snapshot => this.partitions?.restore(snapshot),
      }),
      made: broker => {
        this.partitions = this.#joins(broker)
        this.#hearsOfLent(this.partitions)
        spoils?.(this.partitions)
      },
      isUp: broker => this.#ticks(broker),
      died: () => {
        this.#countsApplied()
        this.queues?.oracle.died()
        this.partitions = null
        this.brokerStartedAt = null
        this.#deaths.push(events.now)
      },
      losesPowerAtEnd: () => false,
      trace: line => this.trace(line),
    })
  }

  received(frame: Buffer): void {
    const { partitions } = this
    if (partitions === null || this.process.broker === null) return
    this.trace(() => describeFrame(frame))
    this.process.runs(() => partitions.received(frame))
  }

  /** Adds what the running broker has counted. */
  counts(): void {
    this.process.counts()
    this.#countsApplied()
  }

  #countsApplied(): void {
    this.applied += this.partitions?.statistics.messagesApplied ?? 0
    this.handOuts += this.partitions?.statistics.handOutsSent ?? 0
  }

  #joins(broker: SimBroker): Partitions {
    const { network, random, count, lineBytesMax, pageRowsMax } = this.#world
    const { turn } = broker.core
    return new Partitions({
      broker: broker.broker,
      partition: this.number,
      count,
      newLogId: () => 1 + random.below(1_000_000_000),
      toldWaitMs: TOLD_WAIT_MS,
      lineBytesMax,
      pageRowsMax,
      host: {
        begin: () => turn.begin(),
        requestFlush: partitions => turn.requestFlush(partitions),
        send: (to, frame) => network.send(this.number, to, frame),
        unreadable: sentence => this.history.violation('peace', sentence),
        complete: () => {
          this.brokerStartedAt = this.events.now
          this.trace(() => 'the broker is up')
          turn.begin()
        },
      },
    })
  }

  /** What is lent to a consumer elsewhere is handed out, whether it arrives or not. */
  #hearsOfLent(partitions: Partitions): void {
    for (const other of partitions.others) {
      const link = partitions.linkTo(other)
      const say = link.say.bind(link)
      link.say = item => {
        if (item.kind === 'lent') this.queues?.oracle.handedOut(item.clientId, item.message)
        say(item)
      }
    }
  }

  #ticks(broker: SimBroker): void {
    this.events.after(TICK_MS, () => {
      if (this.process.broker !== broker) return
      this.process.runs(() => this.partitions?.tick())
      this.#ticks(broker)
    })
  }
}

function describeFrame(bytes: Buffer): string {
  const frame = decodeFrame(bytes)
  const { from, sender, receiver, acknowledged, first, items, beside } = frame
  const said = items.map(item => {
    if (item.kind === 'retained-page') {
      return `page ${item.query} ${item.rows.map(({ message }) => idIn(message.payload)).join()}`
    }
    if (item.kind === 'message') return `${idIn(item.message.payload)} as ${item.number}`
    return item.kind === 'filter' ? `${item.filter} ${item.wanted ?? 'gone'}` : item.kind
  })
  const starts = `${from}.${sender.epoch} for ${receiver.epoch}`
  const lent = beside.map(({ payload }) => idIn(payload))
  return `receives from ${starts}: up to ${acknowledged}, ${first}: ${[...said, ...lent].join(', ')}`
}

/** Returns the partition that the client is of. */
export function coreOf(
  cores: readonly PartitionCore[],
  { clientId }: Pick<SessionRecord, 'clientId'>,
): PartitionCore {
  const found = cores.find(core => core.has(clientId))
  if (found === undefined) throw new Error('every client has a partition')
  return found
}
