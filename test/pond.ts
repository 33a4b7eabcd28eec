// A broker without sockets and clocks, for tests of scenarios. Every packet of a client is a turn of its own, unless
// `inOneTurn` joins them. Time passes only when a test advances it.

import { openAccess } from '../src/access/open-access.ts'
import type { Access } from '../src/access/access.ts'
import type { Broker } from '../src/broker/broker.ts'
import { leavingFor } from '../src/broker/leaving.ts'
import type { FaultPlace, Observer } from '../src/broker/observer.ts'
import type { SubscriptionSettings } from '../src/broker/expressions.ts'
import type { QueuesSettings } from '../src/broker/named-queues.ts'
import type { ShareSettings } from '../src/broker/share-groups.ts'
import type { PublishEncoder } from '../src/connection/publish-encoder.ts'
import { DEFAULT_LIMITS, type Limits } from '../src/limits.ts'
import type { Commands } from '../src/loop/commands.ts'
import type { Turn } from '../src/loop/turn.ts'
import type { Journal } from '../src/store/journal.ts'
import { Core } from '../src/server/core.ts'
import { MemoryStore } from '../src/store/memory-store.ts'
import { EMPTY } from '../src/store/no-store.ts'
import type { Snapshot, Store } from '../src/store/store.ts'
import { PondClient, type PondClientOptions } from './pond-client.ts'
import { PondWire } from './pond-wire.ts'

export const POND_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  packetBytesMax: 1_048_576,
  keepAliveSecondsMax: 1_200,
  // No time passes between packets, so a CONNECT that waits would never be answered.
  connectsPerSecondMax: 0,
  takeoverDelaySecondsMax: 0,
  keptHeapBytesMax: 1_073_741_824,
  keptBufferBytesMax: 1_073_741_824,
  turnWorkMax: 4_096,
  turnWorkTotalMax: 1_000_000,
}

export interface PondOptions {
  readonly limits?: Partial<Limits>
  readonly share?: Partial<ShareSettings>
  readonly subscriptions?: SubscriptionSettings
  readonly queues?: Partial<QueuesSettings>
  readonly store?: Store
  readonly access?: Access
  readonly observer?: Observer
  readonly responseInformation?: string
  /** What the store held when the broker started; the memory store's own snapshot otherwise. */
  readonly snapshot?: Snapshot
  /** The test plants faults and looks at them; anywhere else a fault of the broker fails the test. */
  readonly bearsFaults?: boolean
  /** Milliseconds at which the world begins. */
  readonly now?: number
  /** How long settlements wait for other changes; they do not, unless a test is about it. */
  readonly settlementsWaitMs?: number
  /** Makes the broker one of several partitions, before it is restored. */
  readonly joins?: (core: Core) => { restore(snapshot: Snapshot): void }
  /** All sockets take late, as TLS does, unless a client says otherwise. */
  readonly takesLate?: boolean
}

export class Pond {
  readonly broker: Broker
  readonly turn: Turn
  readonly commands: Commands
  readonly journal: Journal
  readonly encoder: PublishEncoder
  /** Errors that a store reported for a commit. */
  readonly failures: Error[] = []
  /** Throws that were contained, and those that had to end the process. */
  readonly faults: {
    readonly place: FaultPlace
    readonly error: unknown
    readonly clientId: string | null
  }[] = []
  readonly stateFaults: Error[] = []
  /** Milliseconds since 1970. */
  now: number
  readonly core: Core
  readonly #ends: (() => void)[] = []
  readonly #takesLate: boolean
  readonly #bearsFaults: boolean
  #isJoined = false
  #assigned = 0
  #randomState = 1

  constructor(options: PondOptions = {}) {
    this.#takesLate = options.takesLate ?? false
    this.now = options.now ?? 1_700_000_000_000
    this.#bearsFaults = options.bearsFaults ?? false
    this.core = new Core({
      limits: { ...POND_LIMITS, ...options.limits },
      share: {
        bounds: {
          queuedMessagesMax: 100_000,
          queuedBytesMax: 67_108_864,
          queueOverflow: 'drop-newest',
        },
        strategyOf: () => null,
        weightOf: () => null,
        defaultStrategy: 'round-robin',
        random: () => this.random(),
        ...options.share,
      },
      ...(options.subscriptions !== undefined && { subscriptions: options.subscriptions }),
      queues: {
        create: 'subscribers',
        created: { messagesMax: 100_000, bytesMax: 67_108_864 },
        named: new Map(),
        random: () => this.random(),
        ...options.queues,
      },
      store: options.store ?? new MemoryStore(),
      access: options.access ?? openAccess,
      observers: [
        options.observer ?? {},
        {
          failed: (place, error, clientId) => this.faults.push({ place, error, clientId }),
        },
      ],
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      responseInformation: options.responseInformation ?? null,
      newClientId: () => `assigned-${++this.#assigned}`,
      now: () => this.now,
      schedule: end => this.#ends.push(end),
      wakeAt: () => {},
      settlementsWaitMs: options.settlementsWaitMs ?? 0,
      commitFailed: error => this.failures.push(error),
      ...(this.#bearsFaults && { stateFailed: error => this.stateFaults.push(error) }),
    })
    this.broker = this.core.broker
    this.turn = this.core.turn
    this.commands = this.core.commands
    this.journal = this.core.journal
    this.encoder = this.core.encoder
    const partitions = options.joins?.(this.core)
    this.core.restore(options.snapshot ?? EMPTY)
    partitions?.restore(options.snapshot ?? EMPTY)
    this.settles()
  }

  /** Numbers from 0 up to 1 that are the same in every run. */
  random(): number {
    this.#randomState = (Math.imul(this.#randomState, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return this.#randomState / 0x8000_0000
  }

  /** A client that has connected and heard CONNACK. */
  client(clientId: string, options: PondClientOptions = {}): PondClient {
    const client = this.stranger(clientId, options)
    client.connects()
    client.greeting = client.receives()[0] ?? null
    return client
  }

  /** A client whose socket is open and who has said nothing yet. */
  stranger(clientId: string, options: PondClientOptions = {}): PondClient {
    const wire = new PondWire(options.takesLate ?? this.#takesLate, happen =>
      this.#ends.push(happen),
    )
    this.core.accept(wire)
    this.settles()
    return new PondClient(this, wire, clientId, options)
  }

  /** What is said in `talk` arrives in one iteration of the event loop. */
  inOneTurn(talk: () => void): void {
    this.#isJoined = true
    talk()
    this.#isJoined = false
    this.settles()
  }

  /** The broker stops as a server stops it. */
  stops(): void {
    this.core.leave(leavingFor('the broker is stopping', null))
    this.core.disconnectSome(Infinity)
    this.settles()
  }

  /** Called by clients after each word. */
  settles(): void {
    if (this.#isJoined) return
    let end = this.#ends.shift()
    while (end !== undefined) {
      end()
      end = this.#ends.shift()
    }
    const ours = this.faults.find(({ place }) => place === 'connection' || place === 'observer')
    if (ours !== undefined && !this.#bearsFaults) throw ours.error
  }

  /** Time passes, and each deadline is met on the way. */
  passes(span: { readonly seconds: number }): void {
    const until = this.now + span.seconds * 1_000
    const { broker } = this
    while (broker.deadlines.next <= until && broker.peers?.isComplete !== false) {
      this.now = Math.max(this.now, broker.deadlines.next)
      this.turn.begin()
      this.settles()
    }
    this.now = until
    this.turn.begin()
    this.settles()
  }
}
