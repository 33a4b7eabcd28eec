// A durable subscriber, or a member of a share group: always there, coming and going, or asleep for several
// lives of the broker while its queue grows.

import type { QoS } from '../../src/packet/packet.ts'
import { Client, type ClientFacts } from '../client.ts'
import type { Ledger } from '../ledger.ts'
import type { Random } from '../random.ts'
import type { Actor } from './actor.ts'

export type Presence = 'always' | 'coming-and-going' | 'sleeping'

export interface SubscriberHabits {
  readonly presence: Presence
  readonly subscriptions: readonly (readonly [filter: string, qos: QoS])[]
}

const CONNECT_MILLISECONDS_MAX = 15
const STAY_MILLISECONDS_MAX = 150
const AWAY_MILLISECONDS_MAX = 80
const LIVES_ASLEEP_MAX = 7

export class Subscriber implements Actor {
  readonly #client: Client
  readonly #habits: SubscriberHabits
  readonly #random: Random
  /** Filters whose SUBACK was heard in this session. */
  readonly #granted = new Set<string>()
  #port = 0
  #livesAsleep = 0
  #isSettling = false
  #timer: NodeJS.Timeout | null = null

  constructor(facts: ClientFacts, habits: SubscriberHabits, ledger: Ledger, random: Random) {
    this.#habits = habits
    this.#random = random
    this.#client = new Client(facts, ledger, {
      connected: sessionPresent => this.#connected(sessionPresent),
      subscribed: filter => this.#granted.add(filter),
      closed: () => this.#closed(),
    })
  }

  get isSettled(): boolean {
    return this.#client.isConnected && this.#granted.size === this.#habits.subscriptions.length
  }

  up(port: number): void {
    this.#port = port
    if (this.#livesAsleep > 0 && !this.#isSettling) {
      this.#livesAsleep -= 1
      return
    }
    this.#connectAfter(this.#random.whole(0, CONNECT_MILLISECONDS_MAX))
  }

  settle(): void {
    this.#isSettling = true
    this.#livesAsleep = 0
    if (this.#client.isIdle) this.#connectAfter(0)
  }

  resume(): void {
    this.#isSettling = false
    if (this.#client.isConnected) this.#planLeaving()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#port = 0
    this.#client.cut()
  }

  #connected(sessionPresent: boolean): void {
    if (!sessionPresent) this.#granted.clear()
    for (const [filter, qos] of this.#habits.subscriptions) {
      if (!this.#granted.has(filter)) this.#client.subscribe(filter, qos)
    }
    this.#planLeaving()
  }

  #planLeaving(): void {
    const { presence } = this.#habits
    if (presence === 'always' || this.#isSettling) return
    if (presence === 'sleeping') this.#livesAsleep = this.#random.whole(0, LIVES_ASLEEP_MAX)
    this.#later(this.#random.whole(5, STAY_MILLISECONDS_MAX), () => this.#leave())
  }

  #leave(): void {
    // It cannot be told apart from a kill unless SUBACK was heard: do not go without it.
    if (this.#isSettling || !this.isSettled) return
    if (this.#random.chance(0.5)) this.#client.cut()
    else this.#client.sayGoodbye(false)
  }

  /** Whoever comes and goes tries again: in vain when the broker is dead, until `up` tells otherwise. */
  #closed(): void {
    if (this.#isSettling) this.#connectAfter(50)
    else if (this.#habits.presence === 'coming-and-going' && this.#granted.size > 0)
      this.#connectAfter(this.#random.whole(5, AWAY_MILLISECONDS_MAX))
  }

  #connectAfter(milliseconds: number): void {
    this.#later(milliseconds, () => {
      if (this.#port !== 0 && this.#client.isIdle)
        this.#client.connect(this.#port, this.#cleanStart)
    })
  }

  get #cleanStart(): boolean {
    return !this.#client.facts.isDurable
  }

  #later(milliseconds: number, action: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(action, milliseconds)
  }
}
