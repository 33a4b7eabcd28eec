// A client with a will. It sends DISCONNECT, loses its connection, or is connected when the broker is killed.

import { Client, type ClientSettings } from '../client.ts'
import { WILL_PREFIX } from '../check/will-check.ts'
import type { EventLog } from '../event-log.ts'
import type { Random } from '../random.ts'
import type { Actor } from './actor.ts'

const CONNECT_MILLISECONDS_MAX = 15
const PAUSE_MILLISECONDS_MAX = 100
/** How long it stays away: sometimes longer than the delay of its will. */
const RUNS_AWAY_MAX = 5

export class WillClient implements Actor {
  readonly #client: Client
  readonly #delaySeconds: number
  readonly #random: Random
  #port = 0
  #sequence = 0
  #runsAway = 0
  #isSettling = false
  #timer: NodeJS.Timeout | null = null

  constructor(facts: ClientSettings, delaySeconds: number, log: EventLog, random: Random) {
    this.#delaySeconds = delaySeconds
    this.#random = random
    this.#client = new Client(facts, log, {
      connected: () => this.#connected(),
      closed: () => this.#closed(),
    })
  }

  /** It stays away, because its last will must be published. */
  get isSettled(): boolean {
    return this.#client.isIdle
  }

  up(port: number): void {
    this.#port = port
    if (this.#isSettling) return
    if (this.#runsAway > 0) this.#runsAway -= 1
    else this.#connectAfter(this.#random.whole(0, CONNECT_MILLISECONDS_MAX))
  }

  settle(): void {
    this.#isSettling = true
    this.#client.cut()
  }

  resume(): void {
    this.#isSettling = false
    this.#connectAfter(0)
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#port = 0
    this.#client.cut()
  }

  #connected(): void {
    if (this.#delaySeconds > 0) this.#runsAway = this.#random.whole(0, RUNS_AWAY_MAX)
    const roll = this.#random.fraction()
    if (roll < 0.4) return
    this.#later(this.#random.whole(0, PAUSE_MILLISECONDS_MAX), () => {
      if (roll < 0.7) this.#client.cut()
      else this.#client.sendDisconnect(false)
    })
  }

  #closed(): void {
    if (this.#delaySeconds === 0) this.#connectAfter(this.#random.whole(5, PAUSE_MILLISECONDS_MAX))
  }

  #connectAfter(milliseconds: number): void {
    this.#later(milliseconds, () => {
      if (this.#port === 0 || this.#isSettling || !this.#client.isIdle) return
      this.#sequence += 1
      const { clientId, isDurable } = this.#client.facts
      const publisher = `${WILL_PREFIX}${clientId}`
      const will = { publisher, sequence: this.#sequence, delaySeconds: this.#delaySeconds }
      this.#client.connect(this.#port, !isDurable, will)
    })
  }

  #later(milliseconds: number, action: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(action, milliseconds)
  }
}
