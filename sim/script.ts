// What happens in a world: a number of steps of chance, and then a calm in which everything must come right.

import type { Dice } from './dice.ts'
import type { EventQueue } from './event-queue.ts'
import { calmTermsOf, sayingOf, subscribePropertiesOf, subscriptionOf, termsOf } from './habits.ts'
import type { Ledger } from './ledger.ts'
import type { SimClient } from './sim-client.ts'
import type { Moment, SimDisk } from './sim-disk.ts'
import type { ActionName, Weather } from './weather.ts'

/** What the script needs of its world. */
export interface Stage {
  readonly dice: Dice
  readonly events: EventQueue
  readonly weather: Weather
  readonly disk: SimDisk
  readonly ledger: Ledger
  readonly clients: readonly SimClient[]
  readonly isStoreIdle: boolean
  dies(power: boolean): void
  stops(): void
  disconnects(clientId: string): void
  passes(milliseconds: number): void
  tells(story: () => string): void
}

type ClientAction = Exclude<ActionName, 'kill' | 'powerCut' | 'armCut' | 'stop' | 'wait'>

const PING_MS = 15_000
const CALM_MS = 20_000
/** Longer than any will is delayed and any short session lasts. */
const WILLS_MS = 100_000

export class Script {
  isOver = false
  readonly #stage: Stage
  #left: number
  #waitMs = 0
  #lastIdentifier = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.#left = stage.weather.steps
  }

  begins(): void {
    for (const client of this.#stage.clients) this.#connects(client)
    this.#continues()
  }

  /** All wires heal, all clients come back, all queues drain. */
  calmsDown(): void {
    const stage = this.#stage
    stage.tells(() => 'the calm begins')
    stage.disk.disarms()
    for (const client of stage.clients) client.connection?.wire.thaws()
    stage.passes(CALM_MS)
    this.comesBack()
    stage.passes(WILLS_MS)
    // Whoever was given up in silence has noticed by now.
    this.comesBack()
    stage.passes(CALM_MS)
    this.#checkPeace()
  }

  /** A loss of power after all is settled brings nothing back. */
  diesOnceMore(): void {
    const { ledger, weather, events } = this.#stage
    ledger.allSettledAt = events.count
    this.#stage.dies(weather.durability === 'fsync')
    this.#stage.passes(CALM_MS)
    this.comesBack()
    this.#stage.passes(CALM_MS)
    this.#checkPeace()
  }

  comesBack(): void {
    const { clients, dice, weather, events } = this.#stage
    for (const client of clients) {
      if (client.connection === null) {
        client.connects(calmTermsOf(client, dice, weather, events.now))
      }
    }
  }

  #continues(): void {
    const { events, dice, weather } = this.#stage
    this.#left -= 1
    if (this.#left < 0) {
      this.isOver = true
      return
    }
    events.after(this.#waitMs + dice.below(weather.paceMs + 1), () => {
      this.#waitMs = 0
      this.#acts(dice.weighted(weather.weights))
      this.#continues()
    })
  }

  #acts(action: ActionName): void {
    const stage = this.#stage
    const { dice } = stage
    switch (action) {
      case 'kill':
        return stage.dies(false)
      case 'powerCut':
        return stage.dies(true)
      case 'armCut': {
        const moment = dice.of<Moment>(['before', 'halfway', 'after'])
        const calls = dice.between(1, 12)
        stage.tells(() => `the power will go ${moment} call ${calls} of the disk from now`)
        return stage.disk.cutsAfter(calls, moment)
      }
      case 'stop':
        return stage.stops()
      case 'wait':
        this.#waitMs = dice.of([1_000, 10_000, 70_000])
        return stage.tells(() => `${this.#waitMs / 1_000} s pass`)
      default:
        this.#clientActs(action, dice.of(stage.clients))
    }
  }

  #clientActs(action: ClientAction, client: SimClient): void {
    const { dice } = this.#stage
    if (client.connection === null) {
      this.#connects(client)
      return
    }
    switch (action) {
      case 'connect':
        if (dice.chance(6)) this.#connectsOver(client)
        return
      case 'publish':
        return this.#publishes(client)
      case 'subscribe':
        return this.#subscribes(client)
      case 'unsubscribe':
        if (client.filters.length > 0) client.unsubscribes(dice.of(client.filters))
        return
      case 'leave':
        return client.leaves(dice.chance(3))
      case 'cut':
        this.#stage.tells(() => `the wire of ${client.clientId} breaks`)
        return client.connection.wire.breaks(dice.of([0, 10, 1_000, 60_000]))
      case 'freeze':
        return this.#freezes(client)
      case 'disconnect':
        return this.#stage.disconnects(client.clientId)
    }
  }

  #connects(client: SimClient): void {
    const { dice, weather, events } = this.#stage
    client.connects(termsOf(client, dice, weather, events.now))
    if (dice.chance(2)) this.#subscribesOnceAccepted(client)
    const { connection } = client
    if (connection !== null && connection.terms.keepAliveSeconds > 0) this.#keepsAlive(client)
  }

  /** The client gives up a connection that the broker still believes in. */
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
    const { events, weather } = this.#stage
    const { connection } = client
    events.after(3 * weather.wires.latencyMs + 20, () => {
      if (client.connection === connection) this.#subscribes(client)
    })
  }

  #publishes(client: SimClient): void {
    const { dice, weather } = this.#stage
    const count = dice.chance(3) ? dice.between(2, 8) : 1
    client.connection?.inOneChunk(() => {
      for (let index = 0; index < count; index++) client.publishes(sayingOf(dice, weather))
    })
  }

  #subscribes(client: SimClient): void {
    const { dice, weather } = this.#stage
    const first = subscriptionOf(client, dice, weather)
    const second = subscriptionOf(client, dice, weather)
    const isPair = dice.chance(4) && second.filter !== first.filter
    const properties = subscribePropertiesOf(client, dice, () => (this.#lastIdentifier += 1))
    client.subscribes(isPair ? [first, second] : [first], properties)
  }

  #freezes(client: SimClient): void {
    const { dice, events } = this.#stage
    const wire = client.connection?.wire
    wire?.freezes()
    this.#stage.tells(() => `${client.clientId} stops reading`)
    events.after(dice.of([10, 100, 1_000, 30_000]), () => wire?.thaws())
  }

  #checkPeace(): void {
    const { clients, ledger, isStoreIdle } = this.#stage
    if (!isStoreIdle) ledger.violation('hang', 'the store does not come to an end')
    for (const client of clients) {
      const { clientId, session, isConnected } = client
      if (!isConnected) ledger.violation('hang', `${clientId} cannot connect`)
      if (session.outgoing.size > 0) {
        const ids = [...session.outgoing.keys()].join()
        ledger.violation('hang', `${clientId} waits for answers to ${ids}`)
      }
      if (session.incoming.size > 0) {
        const ids = [...session.incoming.keys()].join()
        ledger.violation('hang', `${clientId} waits for PUBREL of ${ids}`)
      }
    }
  }
}
