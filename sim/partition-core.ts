// One partition of a simulated world: its disk, its broker, and what its clients see of it.

import type { Access } from '../src/access/access.ts'
import type { OverloadLevel } from '../src/broker/overload-levels.ts'
import { QUOTA_EXCEEDED } from '../src/packet/reason.ts'
import { decodeFrame } from '../src/partition/frame.ts'
import { partitionOf } from '../src/partition/partition-of.ts'
import { Partitions } from '../src/partition/partitions.ts'
import type { Drops } from './drops.ts'
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
import type { Random } from './random.ts'
import { FORBIDDEN_PREFIX, UNGRANTED_PREFIX } from './rights.ts'
import { SimBroker } from './sim-broker.ts'
import type { ClientWorld } from './sim-client.ts'
import { PowerCut, SimDisk } from './sim-disk.ts'
import { SimStore } from './sim-store.ts'
import { type ClientEnd, SimWire } from './sim-wire.ts'
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
  trace(line: () => string): void
}

const TICK_MS = 200
const RESTART_MS = 500
/** How long a stopping broker waits for its clients to close. */
const DRAIN_MS = 300
/** No world takes so long: a SUBACK waits for all partitions. */
const TOLD_WAIT_MS = 1_000_000
/** What was published earlier than this before the end of a partition has reached the others. */
const UNDER_WAY_MS = 20_000

export class PartitionCore implements ClientWorld {
  readonly number: number
  readonly disk: SimDisk
  readonly events: EventQueue
  readonly history: History
  readonly dropped: Map<string, number> = new Map()
  brokerStartedAt: number | null = null
  partitions: Partitions | null = null
  kills = 0
  powerCuts = 0
  /** Messages of other partitions, over all runs. */
  applied = 0
  readonly #world: PartitionSurroundings
  readonly #deaths: number[] = []
  #broker: SimBroker | null = null
  #store: SimStore | null = null
  #isStopping = false

  constructor(number: number, world: PartitionSurroundings) {
    this.number = number
    this.#world = world
    this.events = world.events
    this.history = world.history
    this.disk = new SimDisk({ random: world.random })
  }

  get isStoreIdle(): boolean {
    return this.#store?.isIdle === true
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
    // Session taken over, keep-alive, the broker stops, an administrator; a line to another partition is full.
    return (
      reason === 0x8e ||
      reason === 0x8d ||
      reason === 0x8b ||
      reason === 0x98 ||
      reason === QUOTA_EXCEEDED
    )
  }

  mayRefuse(reason: number): boolean {
    return this.mayEndWith(reason) || reason === 0x89 || reason === 0x88
  }

  mayPublish(topic: string): boolean {
    return !topic.startsWith(FORBIDDEN_PREFIX)
  }

  maySubscribe(topicFilter: string): boolean {
    return !topicFilter.startsWith(UNGRANTED_PREFIX)
  }

  wire(client: ClientEnd): SimWire | null {
    if (this.#broker === null || this.#isStopping || this.partitions?.isComplete !== true) {
      return null
    }
    const { random, settings } = this.#world
    const wire = new SimWire(this.events, random, settings.wires, client)
    this.#broker.accepts(wire)
    return wire
  }

  // The process.

  starts(): void {
    const { random, settings, trial, drops, lastNumber } = this.#world
    const { events, disk } = this
    let isAlive = true
    const broker: SimBroker = new SimBroker({
      limits: { ...settings.limits, publishBacklogBytesMax: settings.publishBacklogBytesMax },
      namedQueues: new Map(),
      handedOut: () => {},
      shareStrategy: settings.shareStrategy,
      shareBounds: settings.shareBounds,
      drops,
      turnMs: settings.turnMs,
      flushesMax: settings.flushesMax,
      access: this.#access(),
      events,
      random,
      store: (this.#store = new SimStore({
        core: trial.makeCore(disk, settings),
        durability: settings.durability,
        events,
        random,
        commitMs: settings.commitMs,
        runs: work => this.#runs(work),
        isAlive: () => isAlive && broker.isAlive,
        observers: [],
      })),
      lastNumber,
      commitFailed: error => {
        this.history.violation('store', `a commit failed on a healthy disk: ${error.message}`)
        this.dies(false)
      },
      restored: snapshot => this.partitions?.restore(snapshot),
    })
    this.partitions = this.#joins(broker)
    trial.spoils?.(this.partitions)
    this.#broker = broker
    this.#runs(() => broker.starts())
    isAlive = this.#broker === broker
    if (isAlive) this.#ticks(broker)
  }

  received(frame: Buffer): void {
    const { partitions } = this
    if (partitions === null || this.#broker === null) return
    this.trace(() => describeFrame(frame))
    this.#runs(() => partitions.received(frame))
  }

  dies(power: boolean): void {
    if (this.#broker === null) return
    if (power) this.powerCuts += 1
    else this.kills += 1
    this.trace(() => (power ? 'the power goes' : 'the broker is killed'))
    this.counts()
    this.#broker.dies(power)
    this.#broker = null
    this.partitions = null
    this.#isStopping = false
    this.brokerStartedAt = null
    this.#deaths.push(this.events.now)
    if (power) this.disk.crashes()
    else this.disk.processDies()
    this.events.after(this.#world.random.below(RESTART_MS), () => this.starts())
  }

  /** Stops the broker in good order, as SIGTERM does. */
  stops(): void {
    const broker = this.#broker
    if (broker === null || this.#isStopping) return
    this.trace(() => 'the broker is stopped')
    this.#isStopping = true
    broker.stops()
    this.#endsWhenDone(broker, this.events.now + DRAIN_MS)
  }

  disconnects(clientId: string): void {
    this.#broker?.disconnects(clientId)
  }

  overloads(level: OverloadLevel): void {
    this.#broker?.overloads(level)
  }

  /** Adds what the running broker has counted. */
  counts(): void {
    if (this.#broker === null) return
    const { dropped, protocolErrors } = this.#broker.broker.statistics
    for (const [reason, count] of Object.entries(dropped)) {
      this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + count)
    }
    this.applied += this.partitions?.statistics.messagesApplied ?? 0
    if (protocolErrors > 0) this.history.violation('peace', `${protocolErrors} protocol errors`)
  }

  #joins(broker: SimBroker): Partitions {
    const { network, random, count, lineBytesMax } = this.#world
    const { turn } = broker.core
    return new Partitions({
      broker: broker.broker,
      partition: this.number,
      count,
      newLogId: () => 1 + random.below(1_000_000_000),
      toldWaitMs: TOLD_WAIT_MS,
      lineBytesMax,
      host: {
        begin: () => turn.begin(),
        requestFlush: partitions => turn.requestFlush(partitions),
        send: (to, frame) => network.send(this.number, to, frame),
        complete: () => {
          this.brokerStartedAt = this.events.now
          this.trace(() => 'the broker is up')
          turn.begin()
        },
      },
    })
  }

  #ticks(broker: SimBroker): void {
    this.events.after(TICK_MS, () => {
      if (this.#broker !== broker) return
      this.#runs(() => this.partitions?.tick())
      this.#ticks(broker)
    })
  }

  #endsWhenDone(broker: SimBroker, until: number): void {
    this.events.after(this.#world.settings.turnMs + 1, () => {
      if (this.#broker !== broker) return
      const isDone = broker.socketCount === 0 || this.events.now >= until
      if (isDone && this.isStoreIdle) {
        this.#runs(() => this.#store?.closeNow())
        this.dies(false)
      } else this.#endsWhenDone(broker, until)
    })
  }

  /** Runs work of the broker's process. A power cut meanwhile ends the process. */
  #runs(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error
    }
    if (this.disk.isCut) this.dies(true)
  }

  #access(): Access {
    const permissions = {
      mayPublish: (topic: string): boolean => this.mayPublish(topic),
      maySubscribe: (filter: string): boolean => this.maySubscribe(filter),
    }
    return {
      authenticate: () => ({ kind: 'allowed', permissions }),
      beginExchange: () => null,
      permissionsOf: () => permissions,
    }
  }
}

function describeFrame(bytes: Buffer): string {
  const frame = decodeFrame(bytes)
  if (frame === null) return 'receives a frame that it cannot read'
  const { from, sender, receiver, acknowledged, first, items, beside } = frame
  const said = items.map(item => {
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
