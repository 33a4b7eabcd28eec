// A durable subscriber, or a member of a share group. It is always connected, reconnects often, or is away for several
// runs of the broker while its queue grows.

import type { QoS } from '../../src/packet/packet.ts'
import { Client, type ClientSettings } from '../client.ts'
import type { EventLog } from '../event-log.ts'
import type { Random } from '../random.ts'
import type { Actor } from './actor.ts'

export type Presence = 'always' | 'coming-and-going' | 'sleeping'

export interface SubscriberSettings {
  readonly presence: Presence
  readonly subscriptions: readonly (readonly [filter: string, qos: QoS])[]
}

const CONNECT_MILLISECONDS_MAX = 15
const STAY_MILLISECONDS_MAX = 150
const AWAY_MILLISECONDS_MAX = 80
const RUNS_AWAY_MAX = 7

export class Subscriber implements Actor {
  readonly #client: Client
  readonly #settings: SubscriberSettings
  readonly #random: Random
  /** The filters whose SUBACK arrived in this session. */
  readonly #granted = new Set<string>()
  #port = 0
  #runsAway = 0
  #isSettling = false
  #timer: NodeJS.Timeout | null = null

  constructor(facts: ClientSettings, settings: SubscriberSettings, log: EventLog, random: Random) {
    this.#settings = settings
    this.#random = random
    this.#client = new Client(facts, log, {
      connected: sessionPresent => this.#connected(sessionPresent),
      subscribed: filter => this.#granted.add(filter),
      closed: () => this.#closed(),
    })
  }

  get isSettled(): boolean {
    return this.#client.isConnected && this.#granted.size === this.#settings.subscriptions.length
  }

  up(port: number): void {
    this.#port = port
    if (this.#runsAway > 0 && !this.#isSettling) {
      this.#runsAway -= 1
      return
    }
    this.#connectAfter(this.#random.whole(0, CONNECT_MILLISECONDS_MAX))
  }

  settle(): void {
    this.#isSettling = true
    this.#runsAway = 0
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
    for (const [filter, qos] of this.#settings.subscriptions) {
      if (!this.#granted.has(filter)) this.#client.subscribe(filter, qos)
    }
    this.#planLeaving()
  }

  #planLeaving(): void {
    const { presence } = this.#settings
    if (presence === 'always' || this.#isSettling) return
    if (presence === 'sleeping') this.#runsAway = this.#random.whole(0, RUNS_AWAY_MAX)
    this.#later(this.#random.whole(5, STAY_MILLISECONDS_MAX), () => this.#leave())
  }

  #leave(): void {
    // The client stays until SUBACK: otherwise the checker could not tell its DISCONNECT from a kill.
    if (this.#isSettling || !this.isSettled) return
    if (this.#random.chance(0.5)) this.#client.cut()
    else this.#client.sendDisconnect(false)
  }

  /** Tries to connect again. While the broker is down it fails, until `up` is called. */
  #closed(): void {
    if (this.#isSettling) this.#connectAfter(50)
    else if (this.#settings.presence === 'coming-and-going' && this.#granted.size > 0)
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
