// The course of a world: a number of random steps, and then a final phase without faults, in which all must be delivered.

import type { OverloadLevel } from '../src/broker/overload-levels.ts'
import { QUOTA_EXCEEDED } from '../src/packet/reason.ts'
import type { Random } from './random.ts'
import type { EventQueue } from './event-queue.ts'
import {
  calmTermsOf,
  publishRequestOf,
  subscribePropertiesOf,
  subscriptionOf,
  termsOf,
} from './random-requests.ts'
import type { Conflations } from './conflations.ts'
import type { Delays } from './delays.ts'
import { type Expressions, withExpression } from './expressions.ts'
import type { History } from './history.ts'
import type { SimClient } from './sim-client.ts'
import type { Moment, SimDisk } from './sim-disk.ts'
import type { ActionName, WorldSettings } from './world-settings.ts'

/** The part of its world that the script uses. */
export interface Stage {
  readonly random: Random
  readonly events: EventQueue
  readonly settings: WorldSettings
  readonly disk: Pick<SimDisk, 'cutsAfter' | 'disarms'>
  readonly history: History
  readonly clients: readonly SimClient[]
  readonly isStoreIdle: boolean
  /** Null in a world without delayed messages. */
  readonly delays: Delays | null
  /** Null in a world without conflated subscriptions. */
  readonly conflations: Conflations | null
  /** Null in a world without expressions. */
  readonly expressions: Expressions | null
  dies(power: boolean): void
  stops(): void
  disconnects(clientId: string): void
  overloads(level: OverloadLevel): void
  /** An administrator changes a share group, or takes all such changes back. */
  regroups(isOver: boolean): void
  passes(milliseconds: number): void
  /** Whether the broker may end a connection with this reason in this world. */
  mayEndWith(reason: number): boolean
  trace(line: () => string): void
}

type ClientAction = Exclude<
  ActionName,
  'kill' | 'powerCut' | 'armCut' | 'stop' | 'wait' | 'overload' | 'regroup'
>

const PING_MS = 15_000
const CALM_MS = 20_000
/** Longer than any Will Delay Interval and any short Session Expiry Interval. */
const WILLS_MS = 100_000

export class Script {
  isOver = false
  readonly #stage: Stage
  #left: number
  #waitMs = 0
  #lastIdentifier = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.#left = stage.settings.steps
  }

  begins(): void {
    for (const client of this.#stage.clients) this.#connects(client)
    this.#continues()
  }

  /** Wires have no more faults, all clients reconnect, all queues drain. */
  calmsDown(): void {
    const stage = this.#stage
    stage.trace(() => 'the calm begins')
    stage.disk.disarms()
    stage.overloads(0)
    stage.regroups(true)
    for (const client of stage.clients) client.connection?.wire.thaws()
    stage.passes(CALM_MS)
    this.comesBack()
    stage.passes(WILLS_MS)
    // By now every client has noticed that its connection is gone.
    this.comesBack()
    stage.passes(CALM_MS)
    this.#resendsToFullQueues()
    this.#checkPeace()
  }

  /**
   * A client of MQTT 3 is disconnected when a full queue refuses its message, and sends again all that was not answered. Consumers
   * have emptied the queue by then, so each time at least one message of somebody is answered, and PUBREL follows in the end.
   */
  #resendsToFullQueues(): void {
    const { clients } = this.#stage
    if (!this.#stage.mayEndWith(QUOTA_EXCEEDED)) return
    let left = 1
    for (const { session } of clients) left += session.outgoing.size
    for (; left > 0 && clients.some(({ connection }) => connection === null); left--) {
      this.comesBack()
      this.#stage.passes(CALM_MS)
    }
  }

  /** After all is settled, a loss of power must not bring anything back. */
  diesOnceMore(): void {
    const { history, settings, events } = this.#stage
    history.allSettledAt = events.count
    this.#stage.dies(settings.durability === 'fsync')
    this.#stage.passes(CALM_MS)
    this.comesBack()
    this.#stage.passes(CALM_MS)
    this.#checkPeace()
  }

  comesBack(): void {
    const { clients, random, settings, events } = this.#stage
    for (const client of clients) {
      if (client.connection === null) {
        client.connects(calmTermsOf(client, random, settings, events.now))
      }
    }
  }

  #continues(): void {
    const { events, random, settings } = this.#stage
    this.#left -= 1
    if (this.#left < 0) {
      this.isOver = true
      return
    }
    events.after(this.#waitMs + random.below(settings.paceMs + 1), () => {
      this.#waitMs = 0
      this.#acts(random.weighted(settings.weights))
      this.#continues()
    })
  }

  #acts(action: ActionName): void {
    const stage = this.#stage
    const { random } = stage
    switch (action) {
      case 'kill':
        return stage.dies(false)
      case 'powerCut':
        return stage.dies(true)
      case 'armCut': {
        const moment = random.of<Moment>(['before', 'halfway', 'after'])
        const calls = random.between(1, 12)
        stage.trace(() => `the power will go ${moment} call ${calls} of the disk from now`)
        return stage.disk.cutsAfter(calls, moment)
      }
      case 'stop':
        return stage.stops()
      case 'overload':
        return stage.overloads(random.of<OverloadLevel>([1, 2, 3, 3]))
      case 'regroup':
        return stage.regroups(false)
      case 'wait':
        this.#waitMs = random.of([1_000, 10_000, 70_000])
        return stage.trace(() => `${this.#waitMs / 1_000} s pass`)
      default:
        this.#clientActs(action, random.of(stage.clients))
    }
  }

  #clientActs(action: ClientAction, client: SimClient): void {
    const { random } = this.#stage
    if (client.connection === null) {
      this.#connects(client)
      return
    }
    switch (action) {
      case 'connect':
        if (random.chance(6)) this.#connectsOver(client)
        return
      case 'publish':
        return this.#publishes(client)
      case 'subscribe':
        return this.#subscribes(client)
      case 'unsubscribe':
        if (client.filters.length > 0) client.unsubscribes(random.of(client.filters))
        return
      case 'leave':
        return client.leaves(random.chance(3))
      case 'cut':
        this.#stage.trace(() => `the wire of ${client.clientId} breaks`)
        return client.connection.wire.breaks(random.of([0, 10, 1_000, 60_000]))
      case 'freeze':
        return this.#freezes(client)
      case 'disconnect':
        client.connection.isEndedByAdministrator = true
        return this.#stage.disconnects(client.clientId)
    }
  }

  #connects(client: SimClient): void {
    const { random, settings, events } = this.#stage
    client.connects(termsOf(client, random, settings, events.now))
    if (random.chance(2)) this.#subscribesOnceAccepted(client)
    const { connection } = client
    if (connection !== null && connection.terms.keepAliveSeconds > 0) this.#keepsAlive(client)
  }

  /** The client abandons a connection that the broker takes for open. */
  #connectsOver(client: SimClient): void {
    const { connection } = client
    connection?.wire.breaks(60_000)
    connection?.closed()
    this.#connects(client)
  }

  #keepsAlive(client: SimClient): void {
    const { connection } = client
    this.#stage.events.after(PING_MS, () => {
      if (connection === null || connection.isOver || client.connection !== connection) return
      client.pings()
      this.#keepsAlive(client)
    })
  }

  #subscribesOnceAccepted(client: SimClient): void {
    const { events, settings } = this.#stage
    const { connection } = client
    events.after(3 * settings.wires.latencyMs + 20, () => {
      if (client.connection === connection) this.#subscribes(client)
    })
  }

  #publishes(client: SimClient): void {
    const { random, settings, delays } = this.#stage
    const count = random.chance(3) ? random.between(2, 8) : 1
    client.connection?.inOneChunk(() => {
      for (let index = 0; index < count; index++) {
        const request = publishRequestOf(random, settings)
        client.publishes(delays?.delayed(request, client.version) ?? request)
      }
    })
  }

  #subscribes(client: SimClient): void {
    const { random, settings, conflations, expressions } = this.#stage
    const first = subscriptionOf(client, random, settings)
    const second = subscriptionOf(client, random, settings)
    const isPair = random.chance(4) && second.filter !== first.filter
    const properties = subscribePropertiesOf(client, random, () => (this.#lastIdentifier += 1))
    const asked = isPair ? [first, second] : [first]
    const where = client.version === 5 ? (expressions?.forSubscribe(asked) ?? null) : null
    const more = where === null ? properties : withExpression(properties, where)
    const isConflated = client.version === 5 && conflations !== null
    client.subscribes(asked, isConflated ? conflations.forSubscribe(asked, more) : more)
  }

  #freezes(client: SimClient): void {
    const { random, events } = this.#stage
    const wire = client.connection?.wire
    wire?.freezes()
    this.#stage.trace(() => `${client.clientId} stops reading`)
    events.after(random.of([10, 100, 1_000, 30_000]), () => wire?.thaws())
  }

  #checkPeace(): void {
    const { clients, history, isStoreIdle } = this.#stage
    if (!isStoreIdle) history.violation('hang', 'the store does not come to an end')
    for (const client of clients) {
      const { clientId, session, isConnected } = client
      if (!isConnected) history.violation('hang', `${clientId} cannot connect`)
      if (session.outgoing.size > 0) {
        const ids = [...session.outgoing.keys()].join()
        history.violation('hang', `${clientId} waits for answers to ${ids}`)
      }
      if (session.incoming.size > 0) {
        const ids = [...session.incoming.keys()].join()
        history.violation('hang', `${clientId} waits for PUBREL of ${ids}`)
      }
    }
  }
}
