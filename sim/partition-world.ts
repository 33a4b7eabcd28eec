// A world of several partitions from one seed: each client has its partition, partitions are killed and restarted, and the network
// between them is bad. The rules are those of a single broker.

import type { OverloadLevel } from '../src/broker/overload-levels.ts'
import { type Delays, delaysOf } from './delays.ts'
import { Drops } from './drops.ts'
import { type Expressions, expressionsOf } from './expressions.ts'
import { EventQueue } from './event-queue.ts'
import { FrameNetwork, networkSettingsOf } from './frame-network.ts'
import { History } from './history.ts'
import { judge } from './oracle.ts'
import { judgeRetained } from './retained-oracle.ts'
import { BEGINNING, messagesIn, type Outcome, outcomeOf, Trace } from './outcome.ts'
import { coreOf, PartitionCore } from './partition-core.ts'
import type { PartitionTrial } from './partition-trials.ts'
import { partitionOf } from '../src/partition/partition-of.ts'
import {
  type QueuesOfWorld,
  queuesOf,
  type SimQueueSettings,
  withDirectTopic,
} from './queue-settings.ts'
import { type OperatedWorld, QueueWorld } from './queue-world.ts'
import { Random } from './random.ts'
import { calmTermsOf, EVERYTHING } from './random-requests.ts'
import { Script, type Stage } from './script.ts'
import { SimClient } from './sim-client.ts'
import { type WorldSettings, settingsOf } from './world-settings.ts'

/** More events than any run needs: a run that reaches it is in an endless loop. */
const EVENTS_MAX = 600_000
const OVERLOAD_MS = 10_000
const PROBE_MS = 10_000
/** Long enough for all dead letters, also where a client gets few messages a second. */
const DEAD_LETTERS_MS = 100_000
/** No world fills such a line. */
const LINE_BYTES_MAX = 67_108_864

export function runPartitions(seed: number, trial: PartitionTrial): Outcome {
  return outcomeOf(new PartitionWorld(seed, trial))
}

class PartitionWorld implements Stage {
  readonly seed: number
  readonly random: Random
  readonly events = new EventQueue(BEGINNING, EVENTS_MAX)
  readonly history = new History()
  readonly settings: WorldSettings
  readonly clients: readonly SimClient[]
  readonly delays: Delays | null
  readonly conflations = null
  readonly expressions: Expressions | null
  readonly #cores: readonly PartitionCore[]
  readonly #network: FrameNetwork
  /** Whether a line may be full: then publishers wait or are refused, and wills are dropped. */
  readonly #hasSmallLines: boolean
  readonly #trace: Trace
  /** The disk of some partition. */
  readonly disk: Stage['disk'] = {
    cutsAfter: (calls, moment) => this.#some.disk.cutsAfter(calls, moment),
    disarms: () => {
      for (const { disk } of this.#cores) disk.disarms()
    },
  }

  constructor(seed: number, trial: PartitionTrial) {
    this.seed = seed
    this.#trace = new Trace(this.events, trial.traces === true)
    this.random = new Random(seed)
    const { random, events, history } = this
    const { shapes = each => each } = trial
    const terms = partitionQueuesOf(seed)
    const plain = partitionSettingsOf(settingsOf(random), random)
    const settings = shapes(terms?.isFilledDirectly === true ? withDirectTopic(plain) : plain)
    this.settings = settings
    this.delays = delaysOf(seed)
    this.expressions = expressionsOf(seed)
    const count = random.of([2, 2, 3])
    const cores: PartitionCore[] = []
    const receivers = Array.from({ length: count }, (_, index) => (frame: Buffer) => {
      cores[index]?.received(frame)
    })
    const network = new FrameNetwork(events, random, networkSettingsOf(random), receivers)
    const drops = new Drops(history, settings)
    const trace = (line: () => string): void => this.trace(line)
    const lastNumber = random.of([0, 0, 2 ** 52])
    const shared = { events, random, history, settings, trial, drops, count, network }
    this.#hasSmallLines = random.chance(4)
    const lineBytesMax = this.#hasSmallLines ? random.of([1, 500, 5_000]) : LINE_BYTES_MAX
    const pageRowsMax = random.of([1, 2, 64])
    const namedQueues = terms?.named ?? new Map<string, SimQueueSettings>()
    const sizes = { lastNumber, lineBytesMax, pageRowsMax }
    const surroundings = { ...shared, ...sizes, namedQueues, trace }
    for (let index = 0; index < count; index++) cores.push(new PartitionCore(index, surroundings))
    this.#cores = cores
    this.#network = network
    this.clients = Array.from({ length: settings.clients }, (_, index) => {
      const clientId = `c${index + 1}`
      return new SimClient(clientId, random.chance(2) ? 5 : 4, coreOf(cores, { clientId }))
    })
    history.isOfPartitions = true
    history.mayDropWills = this.#hasSmallLines
    if (terms !== null) for (const core of cores) core.queues = this.#queuesOf(core, terms)
    history.comesFromElsewhere = ({ publisher: clientId }, session) =>
      coreOf(cores, { clientId }) !== coreOf(cores, session)
    history.mayBeLate = ({ topic, publisher }) =>
      partitionOf(topic, count) !== partitionOf(publisher, count)
    history.mayBeLost = (publication, session) => {
      if (this.#hasSmallLines && publication.kind === 'will') return true
      const { publisher: clientId } = publication
      const isElsewhere = history.comesFromElsewhere(publication, session)
      return (
        isElsewhere && !session.isDurable && coreOf(cores, { clientId }).mayHaveLost(publication)
      )
    }
  }

  run(): void {
    for (const { process } of this.#cores) process.starts()
    this.passes(100)
    const script = new Script(this)
    script.begins()
    for (const { queues } of this.#cores) queues?.begins()
    while (!script.isOver && this.events.step(Infinity));
    this.#network.calmsDown()
    for (const { queues } of this.#cores) queues?.calmsDown()
    script.calmsDown()
    if (this.random.chance(2)) script.diesOnceMore()
    this.#probes()
    this.#judgeQueues()
    const dropped = new Map<string, number>()
    for (const core of this.#cores) {
      core.counts()
      for (const [reason, count] of core.process.dropped) {
        dropped.set(reason, (dropped.get(reason) ?? 0) + count)
      }
    }
    if (this.#hasSmallLines) dropped.delete('will-refused')
    judge(this.history, dropped)
  }

  outcome(): Outcome {
    const { history, seed, events } = this
    const cores = this.#cores
    const sumOf = (of: (core: PartitionCore) => number): number =>
      cores.reduce((sum, core) => sum + of(core), 0)
    return {
      seed,
      violations: history.violations,
      trace: this.#trace.lines,
      counts: {
        ...messagesIn(history),
        kills: sumOf(({ process }) => process.kills),
        powerCuts: sumOf(({ process }) => process.powerCuts),
        events: events.count,
        diskCalls: sumOf(({ disk }) => disk.calls),
        crossed: sumOf(({ applied }) => applied),
        transactions: 0,
        transfers: 0,
        handOuts: sumOf(({ handOuts, queues }) => handOuts + (queues?.oracle.handOuts ?? 0)),
        deadLetters: sumOf(({ queues }) => queues?.oracle.deadLetters ?? 0),
      },
    }
  }

  get isStoreIdle(): boolean {
    return this.#cores.every(({ process }) => process.isStoreIdle)
  }

  dies(power: boolean): void {
    this.#some.process.dies(power)
  }

  stops(): void {
    this.#some.process.stops()
  }

  disconnects(clientId: string): void {
    this.trace(() => `an administrator disconnects ${clientId}`)
    coreOf(this.#cores, { clientId }).process.broker?.disconnects(clientId)
  }

  overloads(level: OverloadLevel): void {
    if (level === 0) {
      for (const { process } of this.#cores) process.broker?.overloads(0)
      return
    }
    const { process } = this.#some
    process.broker?.overloads(level)
    this.events.after(this.random.below(OVERLOAD_MS), () => process.broker?.overloads(0))
  }

  regroups(isOver: boolean): void {
    for (const { process } of isOver ? this.#cores : [this.#some]) {
      const clientIds = this.clients.map(({ clientId }) => clientId)
      const { broker } = process
      const done = isOver ? broker?.resetsGroups() : broker?.regroups(this.random, clientIds)
      this.trace(() => `an administrator changes groups: ${done ?? 'no broker'}`)
    }
  }

  passes(milliseconds: number): void {
    this.events.passes(milliseconds)
  }

  mayEndWith(reason: number): boolean {
    return this.#some.mayEndWith(reason)
  }

  trace(line: () => string): void {
    this.#trace.add(line)
  }

  /** The queues that the partition keeps; consumers are of any. */
  #queuesOf(core: PartitionCore, terms: QueuesOfWorld): QueueWorld | null {
    const count = this.#cores.length
    const isKept = (name: string): boolean => partitionOf(`$queue/${name}`, count) === core.number
    const named = new Map([...terms.named].filter(([name]) => isKept(name)))
    if (named.size === 0) return null
    const { events, history } = this
    const world: OperatedWorld = {
      events,
      history,
      brokerStartedAt: null,
      mayEndWith: reason => core.mayEndWith(reason),
      wire: client => core.wire(client),
      trace: line => this.trace(line),
      worldOf: clientId => coreOf(this.#cores, { clientId }),
      workerPrefix: `w${core.number}-`,
      operates: () => {},
      sweeps: () => {},
    }
    return new QueueWorld(world, { ...terms, named })
  }

  #judgeQueues(): void {
    for (const { queues } of this.#cores) queues?.readsDeadLetters()
    if (this.#cores.some(({ queues }) => queues !== null)) this.passes(DEAD_LETTERS_MS)
    for (const { queues, process } of this.#cores) {
      if (process.broker !== null) queues?.judge(process.broker.broker.subscriptions.queues.all)
    }
  }

  /** A new client of each partition is sent all that is retained. */
  #probes(): void {
    const probes = this.#cores.map(core => {
      let number = 1
      while (!core.has(`probe${number}`)) number += 1
      return new SimClient(`probe${number}`, 5, core)
    })
    for (const probe of probes) {
      probe.connects(calmTermsOf(probe, this.random, this.settings, this.events.now))
    }
    this.passes(PROBE_MS)
    for (const probe of probes) probe.subscribes([EVERYTHING])
    this.passes(PROBE_MS)
    for (const probe of probes) judgeRetained(this.history, probe.session.record)
  }

  get #some(): PartitionCore {
    return this.random.of(this.#cores)
  }
}

/** Operators do nothing, and no client takes small packets only: one at QoS 0 would lose what is too large. */
function partitionQueuesOf(seed: number): QueuesOfWorld | null {
  const queues = queuesOf(seed)
  return queues === null ? null : { ...queues, operation: 'none', smallPackets: 0 }
}

/** There is more to do than in a world of one broker: messages must cross, and each partition must end now and then. */
function partitionSettingsOf(settings: WorldSettings, random: Random): WorldSettings {
  const { weights, durability, clients, steps } = settings
  return {
    ...settings,
    clients: clients + random.between(1, 3),
    steps: steps + random.between(0, 60),
    retains: random.of([0, 2, 3, 6]),
    filters: [...settings.filters, random.of(['t/#', '#'])],
    weights: {
      ...weights,
      subscribe: weights.subscribe + random.of([0, 10]),
      kill: weights.kill + random.of([0, 5, 10]),
      armCut: durability === 'os' ? 0 : weights.armCut + random.of([0, 5, 10]),
    },
  }
}
