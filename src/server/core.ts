// Assembles the core of the broker, for the server, for the tests' pond and for the simulator. Their differences
// (clock, timers, store, limits, log) are options.

import type { Access } from '../access/access.ts'
import { ClientIdPattern } from '../access/client-id-pattern.ts'
import type { Identity } from '../access/identity.ts'
import type { Permissions } from '../access/permissions.ts'
import { Broker } from '../broker/broker.ts'
import type { Leaving } from '../broker/leaving.ts'
import type { Observer } from '../broker/observer.ts'
import type { SensorLevels } from '../broker/overload-levels.ts'
import type { AuthorRights } from '../broker/retained-authors.ts'
import type { SubscriptionSettings } from '../broker/expressions.ts'
import { restore } from '../broker/restore.ts'
import type { QueuesSettings } from '../broker/named-queues.ts'
import type { ShareSettings } from '../broker/share-groups.ts'

import { ChunkPool } from '../connection/outbox.ts'
import { ConnectQueue } from '../connection/connect-queue.ts'
import type { Connection } from '../connection/connection.ts'
import { PublisherRations } from '../connection/publisher-rations.ts'
import { PublishEncoder } from '../connection/publish-encoder.ts'
import { ReadingLimits } from '../connection/reading-limits.ts'
import { StrangerBudget } from '../connection/stranger-budget.ts'
import { UserRates } from '../connection/user-rates.ts'
import type { Limits } from '../limits.ts'
import { Commands } from '../loop/commands.ts'
import { Turn, type TurnOptions } from '../loop/turn.ts'
import type { Log } from '../observe/log.ts'
import { Journal } from '../store/journal.ts'
import type { Snapshot, Store } from '../store/store.ts'
import { ClientSocket, type ClientSocketContext } from '../transport/client-socket.ts'
import type { Acceptance, Wire } from '../transport/wire.ts'

type TurnParts = Pick<
  TurnOptions,
  | 'now'
  | 'schedule'
  | 'wakeAt'
  | 'settlementsWaitMs'
  | 'watch'
  | 'flushesMax'
  | 'commitFailed'
  | 'stateFailed'
>

interface CoreOptions extends TurnParts {
  readonly limits: Limits
  readonly share: ShareSettings
  /** Left out: no expressions in topic filters. */
  readonly subscriptions?: SubscriptionSettings
  readonly queues: QueuesSettings
  readonly store: Store
  readonly access: Access
  readonly observers: readonly Observer[]
  readonly log: Log
  /** False when no session outlives the broker. */
  readonly storesSessions?: boolean
  /** Whether a retained message is delivered only while its publisher may publish there. Left out: it is. */
  readonly checksRetainSource?: boolean
  /** Response Information for clients of MQTT 5 that ask for it. */
  readonly responseInformation: string | null
  /** Which client ids a user may have; left out for any. */
  readonly clientIdPattern?: string | undefined
  /** Returns an unused client id. */
  readonly newClientId: () => string
  /** Is called at the end of each turn. */
  readonly turnEnded?: () => void
  /** Is called when the socket of a client has closed and its packets are handled. */
  readonly socketEnded?: (socket: ClientSocket) => void
}

// Wide on purpose: its fields are the parts that it assembles.
export class Core {
  readonly broker: Broker
  readonly turn: Turn
  readonly commands: Commands
  readonly journal: Journal
  readonly encoder: PublishEncoder = new PublishEncoder()
  readonly strangers: StrangerBudget
  readonly connects: ConnectQueue
  readonly store: Store
  readonly #pool = new ChunkPool()
  readonly #sockets = new Set<ClientSocket>()
  readonly #rations = new PublisherRations()
  readonly #waitingForSockets: (() => void)[] = []
  readonly #socketContext: ClientSocketContext

  constructor(options: CoreOptions) {
    const { stateFailed } = options
    this.store = options.store
    this.strangers = new StrangerBudget(options.limits.strangerBytesMax)
    this.journal = new Journal(options.store)
    this.broker = new Broker({
      limits: options.limits,
      share: options.share,
      ...(options.subscriptions !== undefined && { subscriptions: options.subscriptions }),
      queues: options.queues,
      journal: this.journal,
      observers: options.observers,
      storesSessions: options.storesSessions ?? true,
      ...authorsIn(options),
    })
    this.connects = new ConnectQueue(this.broker)
    this.turn = new Turn({
      ...options,
      broker: this.broker,
      journal: this.journal,
      ended: () => {
        this.#forgetTurn()
        options.turnEnded?.()
      },
      commitFailed: error => {
        this.commands.fail(error)
        options.commitFailed(error)
      },
      ...(stateFailed !== undefined && {
        stateFailed: error => {
          this.commands.fail(error)
          stateFailed(error)
        },
      }),
    })
    this.commands = new Commands(this.broker, this.turn)
    this.#socketContext = {
      connections: {
        broker: this.broker,
        encoder: this.encoder,
        pool: this.#pool,
        reading: new ReadingLimits(options.limits),
        strangers: this.strangers,
        connects: this.connects,
        userRates: userRatesOf(options.limits),
        responseInformation: options.responseInformation,
        clientIds:
          options.clientIdPattern === undefined
            ? null
            : new ClientIdPattern(options.clientIdPattern),
        newClientId: options.newClientId,
      },
      turn: this.turn,
      access: options.access,
      log: options.log,
      ended: socket => {
        this.#socketEnded(socket)
        options.socketEnded?.(socket)
      },
    }
  }

  /** The sockets of all clients. */
  get sockets(): ReadonlySet<ClientSocket> {
    return this.#sockets
  }

  /** Restores the state from the store. Must be called once, before the first client, in a turn of its own. */
  restore(snapshot: Snapshot): void {
    this.turn.begin()
    restore(this.broker, snapshot, this.#socketContext.access)
  }

  /** Returns what a client that is not connected may do; null if nothing is known of it. */
  permissionsOf(identity: Identity): Permissions | null {
    return this.#socketContext.access.permissionsOf(identity)
  }

  /** Serves the client of a wire. */
  accept(wire: Wire, acceptance?: Acceptance): ClientSocket {
    const socket = new ClientSocket(wire, this.#socketContext, acceptance)
    this.#sockets.add(socket)
    return socket
  }

  /** Sets the levels of overload at the end of a window, while there is any. */
  overloaded(levels: SensorLevels): void {
    this.turn.begin()
    if (this.turn.hasFailed) return
    const { overload, statistics } = this.broker
    overload.set(levels)
    this.#rations.divide(connectionsOf(this.#sockets), overload)
    const largest = overload.closesConsumers ? largestBacklog(this.#sockets) : null
    if (largest === null) return
    statistics.overload.consumersClosed += 1
    largest.cutOff('memory is short (overload.level3), and this client has the largest backlog')
  }

  /** From now on CONNECT is refused, and clients are to be disconnected by `disconnectSome`. */
  leave(leaving: Leaving): void {
    this.broker.leaving = leaving
  }

  /** How many clients are connected. */
  get clientCount(): number {
    let count = 0
    for (const { connection } of this.#sockets) {
      if (connection.state.kind === 'connected') count += 1
    }
    return count
  }

  /** After `leave`: disconnects so many clients, those that have been connected longest first. Returns how many. */
  disconnectSome(countMax: number): number {
    let count = 0
    for (const socket of this.#sockets) {
      if (count === countMax) break
      if (socket.connection.isOver) continue
      socket.brokerStops()
      count += 1
    }
    return count
  }

  /** Resolves when no client has a socket any more. */
  whenSocketsEnded(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve()
    return new Promise(resolve => this.#waitingForSockets.push(resolve))
  }

  /** No encoding and no message that nobody keeps is needed any more. */
  #forgetTurn(): void {
    this.encoder.forget()
    this.#pool.packets.turnEnded()
  }

  #socketEnded(socket: ClientSocket): void {
    this.#sockets.delete(socket)
    if (this.#sockets.size > 0) return
    for (const resolve of this.#waitingForSockets.splice(0)) resolve()
  }
}

function* connectionsOf(sockets: Iterable<ClientSocket>): Iterable<Connection> {
  for (const { connection } of sockets) yield connection
}

/** A client with a smaller backlog is no reason for a lack of memory. */
const BACKLOG_BYTES_MIN = 65_536

/** Returns the client with the largest backlog; null if none has a large one. */
function largestBacklog(sockets: Iterable<ClientSocket>): ClientSocket | null {
  let largest: ClientSocket | null = null
  let most = BACKLOG_BYTES_MIN
  for (const socket of sockets) {
    const bytes = socket.connection.isOver ? 0 : socket.backlogBytes
    if (bytes <= most) continue
    most = bytes
    largest = socket
  }
  return largest
}

function authorsIn({ access, checksRetainSource = true }: CoreOptions) {
  return { authorRights: authorRightsIn(access), checksRetainSource }
}

function authorRightsIn(access: Access): AuthorRights | null {
  if (access.authorRights === undefined) return null
  return identity => access.authorRights?.(identity) ?? null
}

function userRatesOf(limits: Limits): {
  readonly incoming: UserRates
  readonly outgoing: UserRates
} {
  return {
    incoming: new UserRates({
      messages: limits.messagesPerSecondPerUserMax,
      bytes: limits.bytesPerSecondPerUserMax,
    }),
    outgoing: new UserRates({
      messages: limits.outgoingMessagesPerSecondPerUserMax,
      bytes: limits.outgoingBytesPerSecondPerUserMax,
    }),
  }
}
