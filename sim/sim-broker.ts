// One life of the broker: the whole of it but sockets and clocks, from the opening of its store to its death.

import type { Access } from '../src/access/access.ts'
import { UNRESTRICTED } from '../src/access/permissions.ts'
import { Broker } from '../src/broker/broker.ts'
import { restore } from '../src/broker/restore.ts'
import { ChunkPool } from '../src/connection/chunk-pool.ts'
import { PublishEncoder } from '../src/connection/publish-encoder.ts'
import type { Limits } from '../src/limits.ts'
import { Turn } from '../src/loop/turn.ts'
import type { ShareStrategyName } from '../src/routing/share-strategy.ts'
import type { QueueBounds } from '../src/session/message-queue.ts'
import { Journal } from '../src/store/journal.ts'
import { ClientSocket, type ClientSocketContext } from '../src/transport/client-socket.ts'
import type { Dice } from './dice.ts'
import type { Drops } from './drops.ts'
import type { EventQueue } from './event-queue.ts'
import type { SimStore } from './sim-store.ts'
import type { SimWire } from './sim-wire.ts'

export interface SimBrokerOptions {
  readonly limits: Limits
  readonly shareStrategy: ShareStrategyName
  readonly shareBounds: QueueBounds
  readonly drops: Drops
  readonly publishBacklogBytesMax: number
  /** Longest time that one iteration of the event loop takes. */
  readonly turnMs: number
  readonly flushesMax: number
  readonly access: Access
  readonly events: EventQueue
  readonly dice: Dice
  readonly store: SimStore
  readonly commitFailed: (error: Error) => void
}

const SILENT_LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export class SimBroker {
  readonly broker: Broker
  isAlive = true
  readonly #options: SimBrokerOptions
  readonly #turn: Turn
  readonly #sockets = new Map<ClientSocket, SimWire>()
  readonly #context: ClientSocketContext
  #alarm = Infinity
  #fault: unknown = null

  constructor(options: SimBrokerOptions) {
    this.#options = options
    const { limits, shareStrategy, events, dice, store } = options
    const journal = new Journal(store)
    const encoder = new PublishEncoder()
    this.broker = new Broker({
      limits,
      journal,
      // What the broker contains would pass for health.
      observer: {
        failed: (_place, error) => (this.#fault ??= error),
        dropped: (reason, message, clientId) =>
          options.drops.dropped(this.broker, reason, message, clientId),
      },
      share: {
        bounds: options.shareBounds,
        strategyOf: () => null,
        weightOf: () => null,
        defaultStrategy: shareStrategy,
        random: () => dice.fraction(),
      },
    })
    this.#turn = new Turn({
      broker: this.broker,
      journal,
      store,
      now: () => events.now,
      schedule: end => this.#after(dice.below(options.turnMs + 1), end),
      wakeAt: time => this.#wakeAt(time),
      flushesMax: options.flushesMax,
      ended: () => {
        encoder.forget()
        if (this.#fault !== null) throw this.#fault
      },
      commitFailed: error => options.commitFailed(error),
    })
    this.#context = {
      connections: {
        broker: this.broker,
        encoder,
        pool: new ChunkPool(),
        responseInformation: null,
        newClientId: () => `assigned-${dice.below(1_000_000_000)}`,
      },
      turn: this.#turn,
      access: options.access,
      log: SILENT_LOG,
      publishBacklogBytesMax: options.publishBacklogBytesMax,
      ended: socket => {
        this.#sockets.get(socket)?.brokerHasRead()
        this.#sockets.delete(socket)
      },
    }
  }

  get lineCount(): number {
    return this.#sockets.size
  }

  starts(): void {
    const snapshot = this.#options.store.openNow()
    this.#turn.begin()
    restore(this.broker, snapshot, UNRESTRICTED)
  }

  accepts(wire: SimWire): void {
    this.#sockets.set(new ClientSocket(wire, this.#context), wire)
  }

  /** Asked to stop in good order: its clients are told. It dies when its last word is committed. */
  stops(): void {
    for (const socket of this.#sockets.keys()) socket.brokerStops()
  }

  /** All memory is gone, and every socket with it. */
  dies(power: boolean): void {
    this.isAlive = false
    for (const wire of this.#sockets.values()) wire.brokerDies(power)
    this.#sockets.clear()
  }

  #wakeAt(time: number): void {
    if (time >= this.#alarm) return
    this.#alarm = time
    if (time === Infinity) return
    this.#options.events.at(time, () => {
      if (!this.isAlive || this.#alarm !== time) return
      this.#alarm = Infinity
      this.#turn.begin()
    })
  }

  #after(milliseconds: number, happen: () => void): void {
    this.#options.events.after(milliseconds, () => {
      if (this.isAlive) happen()
    })
  }
}
