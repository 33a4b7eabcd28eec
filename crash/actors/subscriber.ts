// A durable subscriber, or a member of a share group. It is always connected, reconnects often, or is away for several
// runs of the broker while its queue grows.

import type { QoS } from '../../src/packet/packet.ts'
import { Client, type ClientSettings } from '../client.ts'
import type { EventLog } from '../event-log.ts'
import type { Random } from '../random.ts'
import { ClientActor } from './client-actor.ts'

export type Presence = 'always' | 'coming-and-going' | 'sleeping'

export interface SubscriberSettings {
  readonly presence: Presence
  readonly subscriptions: readonly (readonly [filter: string, qos: QoS])[]
}

const STAY_MILLISECONDS_MAX = 150
const AWAY_MILLISECONDS_MAX = 80
const RUNS_AWAY_MAX = 7

export class Subscriber extends ClientActor {
  protected readonly client: Client
  readonly #settings: SubscriberSettings
  /** The filters whose SUBACK arrived in this session. */
  readonly #granted = new Set<string>()
  #runsAway = 0

  constructor(facts: ClientSettings, settings: SubscriberSettings, log: EventLog, random: Random) {
    super(random)
    this.#settings = settings
    this.client = new Client(facts, log, {
      connected: sessionPresent => this.#connected(sessionPresent),
      subscribed: filter => this.#granted.add(filter),
      closed: () => this.#closed(),
    })
  }

  get isSettled(): boolean {
    return this.client.isConnected && this.#granted.size === this.#settings.subscriptions.length
  }

  protected override cameUp(): void {
    if (this.#runsAway > 0 && !this.isSettling) {
      this.#runsAway -= 1
      return
    }
    super.cameUp()
  }

  override settle(): void {
    this.#runsAway = 0
    super.settle()
  }

  protected resumed(): void {
    this.#planLeaving()
  }

  #connected(sessionPresent: boolean): void {
    if (!sessionPresent) this.#granted.clear()
    for (const [filter, qos] of this.#settings.subscriptions) {
      if (!this.#granted.has(filter)) this.client.subscribe(filter, qos)
    }
    this.#planLeaving()
  }

  #planLeaving(): void {
    const { presence } = this.#settings
    if (presence === 'always' || this.isSettling) return
    if (presence === 'sleeping') this.#runsAway = this.random.whole(0, RUNS_AWAY_MAX)
    this.later(this.random.whole(5, STAY_MILLISECONDS_MAX), () => this.#leave())
  }

  #leave(): void {
    // The client stays until SUBACK: otherwise the checker could not tell its DISCONNECT from a kill.
    if (this.isSettling || !this.isSettled) return
    if (this.random.chance(0.5)) this.client.cut()
    else this.client.sendDisconnect(false)
  }

  /** Tries to connect again. While the broker is down it fails, until `up` is called. */
  #closed(): void {
    if (this.isSettling) this.connectAfter(50)
    else if (this.#settings.presence === 'coming-and-going' && this.#granted.size > 0)
      this.connectAfter(this.random.whole(5, AWAY_MILLISECONDS_MAX))
  }
}
