// One run of the broker in the simulator, from opening its store to its end. It has no sockets and no real clock.

import type { Access } from '../src/access/access.ts'
import { CALM, type OverloadLevel } from '../src/broker/overload-levels.ts'
import type { Broker } from '../src/broker/broker.ts'
import { leavingFor } from '../src/broker/leaving.ts'
import type { QueueTask } from '../src/broker/queue-tasks.ts'
import type { Limits } from '../src/limits.ts'
import type { Message } from '../src/message.ts'
import { SHARE_STRATEGY_NAMES, type ShareStrategyName } from '../src/routing/share-strategy.ts'
import type { QueueBounds } from '../src/session/waiting/message-queue.ts'
import { Core } from '../src/server/core.ts'
import type { Snapshot } from '../src/store/store.ts'
import type { ClientSocket } from '../src/transport/client-socket.ts'
import type { Random } from './random.ts'
import type { Drops } from './drops.ts'
import type { SimQueueSettings } from './queue-settings.ts'
import type { EventQueue } from './event-queue.ts'
import type { SimStore } from './sim-store.ts'
import type { SimWire } from './sim-wire.ts'

export interface SimBrokerOptions {
  readonly limits: Limits
  readonly namedQueues: ReadonlyMap<string, SimQueueSettings>
  /** A message is sent to a client for the first time or again. */
  readonly handedOut: (clientId: string, message: Message) => void
  readonly shareStrategy: ShareStrategyName
  readonly shareBounds: QueueBounds
  readonly drops: Drops
  /** The longest time that one iteration of the event loop takes. */
  readonly turnMs: number
  readonly flushesMax: number
  readonly access: Access
  readonly events: EventQueue
  readonly random: Random
  readonly store: SimStore
  /** Sequence and delivery numbers are above this one. */
  readonly lastNumber: number
  readonly commitFailed: (error: Error) => void
  /** Is called in the turn in which the broker was restored. */
  readonly restored?: (snapshot: Snapshot) => void
}

const SILENT_LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export class SimBroker {
  readonly broker: Broker
  isAlive = true
  readonly #options: SimBrokerOptions
  readonly core: Core
  readonly #wires = new Map<ClientSocket, SimWire>()
  #alarm = Infinity
  #fault: unknown = null

  constructor(options: SimBrokerOptions) {
    this.#options = options
    const { limits, shareStrategy, events, random, store } = options
    this.core = new Core({
      limits,
      queues: {
        create: 'subscribers',
        created: { messagesMax: 100_000, bytesMax: 67_108_864 },
        named: new Map(
          Array.from(options.namedQueues, ([name, settings]) => [name, { ...settings }]),
        ),
        random: () => random.fraction(),
      },
      share: {
        bounds: options.shareBounds,
        strategyOf: () => null,
        weightOf: () => null,
        defaultStrategy: shareStrategy,
        random: () => random.fraction(),
      },
      store,
      access: options.access,
      // A fault must fail the run, even when the broker contains it.
      observers: [
        {
          failed: (_place, error) => (this.#fault ??= error),
          delivered: (clientId, message) => options.handedOut(clientId, message),
          dropped: (reason, message, clientId) =>
            options.drops.dropped(this.broker, reason, message, clientId),
        },
      ],
      log: SILENT_LOG,
      responseInformation: null,
      newClientId: () => `assigned-${random.below(1_000_000_000)}`,
      now: () => events.now,
      schedule: end => this.#after(random.below(options.turnMs + 1), end),
      wakeAt: time => this.#wakeAt(time),
      flushesMax: options.flushesMax,
      turnEnded: () => {
        if (this.#fault !== null) throw this.#fault
      },
      commitFailed: error => options.commitFailed(error),
      socketEnded: socket => {
        this.#wires.get(socket)?.brokerHasRead()
        this.#wires.delete(socket)
      },
    })
    this.broker = this.core.broker
  }

  get socketCount(): number {
    return this.#wires.size
  }

  starts(): void {
    const { store, lastNumber, restored } = this.#options
    const snapshot = store.openNow()
    this.core.restore({
      ...snapshot,
      lastSequence: Math.max(lastNumber, snapshot.lastSequence),
      lastDelivery: Math.max(lastNumber, snapshot.lastDelivery),
    })
    restored?.(snapshot)
  }

  accepts(wire: SimWire): void {
    this.#wires.set(this.core.accept(wire), wire)
  }

  /** Stops the broker in good order: clients get DISCONNECT, and the process ends when all is committed. */
  stops(): void {
    this.core.leave(leavingFor('the broker is stopping', null))
    this.core.disconnectSome(Infinity)
  }

  /** Gives an administrator's command. Nobody waits for the answer: it may never come when the disk fails. */
  disconnects(clientId: string): void {
    void this.core.commands.disconnectClient(clientId, 'an administrator says so').catch(() => {})
  }

  /** Changes a group or a member in a random way. Returns in words what was done. */
  regroups(random: Random, clientIds: readonly string[]): string {
    const groups = [...this.broker.subscriptions.groups.all]
    if (groups.length === 0) return 'there is none'
    const { owner } = random.of(groups)
    const { commands } = this.core
    const clientId = random.of(clientIds)
    if (random.chance(2)) {
      const strategy = random.of([...SHARE_STRATEGY_NAMES, null])
      void commands.setStrategy(owner, strategy).catch(() => {})
      return `${owner.shareName}/${owner.topicFilter} ${strategy}`
    }
    const change = random.chance(3)
      ? { weight: random.between(1, 5) }
      : { isDrained: random.chance(2) }
    void commands.setMember(owner, clientId, change).catch(() => {})
    return `${owner.shareName}/${owner.topicFilter} ${clientId} ${JSON.stringify(change)}`
  }

  operates(name: string, changes: Partial<SimQueueSettings> | null): void {
    const { queues } = this.core.commands
    if (changes === null) void queues.delete(name).catch(() => {})
    else void queues.set(name, { ...changes }).catch(() => {})
  }

  sweeps(name: string, task: QueueTask, max: number): void {
    void this.core.commands.queues.begin(name, task, max).catch(() => {})
  }

  resetsGroups(): string {
    const { all, overrides } = this.broker.subscriptions.groups
    // Also those without a setting: a command may not have been obeyed yet.
    for (const group of [...[...all].map(({ owner }) => owner), ...overrides.all]) {
      void this.core.commands.resetGroup(group).catch(() => {})
    }
    return 'as they were'
  }

  overloads(level: OverloadLevel): void {
    if (!this.isAlive) return
    this.core.overloaded({ ...CALM, 'commit-age': level })
  }

  /** Ends the process: its memory and its sockets are gone. */
  dies(power: boolean): void {
    this.isAlive = false
    for (const wire of this.#wires.values()) wire.brokerDies(power)
    this.#wires.clear()
  }

  #wakeAt(time: number): void {
    if (time >= this.#alarm) return
    this.#alarm = time
    if (time === Infinity) return
    this.#options.events.at(time, () => {
      if (!this.isAlive || this.#alarm !== time) return
      this.#alarm = Infinity
      this.core.turn.begin()
    })
  }

  #after(milliseconds: number, happen: () => void): void {
    this.#options.events.after(milliseconds, () => {
      if (this.isAlive) happen()
    })
  }
}
