// Unsubscribes, subscribes again, starts its session clean and ends it: deleted state must not come back.

import { Client } from '../client.ts'
import type { EventLog } from '../event-log.ts'
import type { Random } from '../random.ts'
import { ClientActor } from './client-actor.ts'

const FILTER = 'crash/data/#'
const PAUSE_MILLISECONDS_MAX = 60

type Wish = 'subscribe' | 'unsubscribe'

export class Restarter extends ClientActor {
  protected readonly client: Client
  /** The request that is not acknowledged yet. It is sent again after a kill. */
  #wish: Wish | null = 'subscribe'
  #wantsCleanStart = true

  constructor(clientId: string, log: EventLog, random: Random) {
    super(random)
    const facts = { clientId, version: 5, isDurable: true, receiveMax: 32 } as const
    this.client = new Client(facts, log, {
      connected: sessionPresent => this.#connected(sessionPresent),
      subscribed: () => this.#received(),
      unsubscribed: () => this.#received('subscribe'),
      closed: () => this.#closed(),
    })
  }

  get isSettled(): boolean {
    return this.client.isConnected && this.#wish === null
  }

  protected override cameUp(): void {
    // Before CONNACK the client cannot know whether the old session is gone.
    this.#wantsCleanStart ||= this.random.chance(0.15)
    super.cameUp()
  }

  protected resumed(): void {
    this.later(this.random.whole(5, PAUSE_MILLISECONDS_MAX), () => this.#next())
  }

  #connected(sessionPresent: boolean): void {
    this.#wantsCleanStart = false
    if (!sessionPresent) this.#wish = 'subscribe'
    if (this.#wish !== null) this.#say(this.#wish)
    else this.later(this.random.whole(5, PAUSE_MILLISECONDS_MAX), () => this.#next())
  }

  #received(wish: Wish | null = null): void {
    this.#wish = null
    this.later(this.random.whole(5, PAUSE_MILLISECONDS_MAX), () => {
      if (wish === null) this.#next()
      else this.#say(wish)
    })
  }

  #next(): void {
    if (this.isSettling || !this.client.isConnected) return
    const roll = this.random.fraction()
    if (roll < 0.5) this.#say('unsubscribe')
    else if (roll < 0.6) this.client.sendDisconnect(true)
    else if (roll < 0.8) {
      this.#wantsCleanStart = true
      this.client.cut()
    }
  }

  #say(wish: Wish): void {
    if (!this.client.isConnected) return
    this.#wish = wish
    if (wish === 'subscribe') this.client.subscribe(FILTER, 2)
    else this.client.unsubscribe(FILTER)
  }

  #closed(): void {
    this.connectAfter(this.random.whole(5, PAUSE_MILLISECONDS_MAX))
  }

  protected override connect(port: number): void {
    this.client.connect(port, this.#wantsCleanStart)
  }
}
