// A client with a will. It sends DISCONNECT, loses its connection, or is connected when the broker is killed.

import { Client, type ClientSettings } from '../client.ts'
import { WILL_PREFIX } from '../check/will-check.ts'
import type { EventLog } from '../event-log.ts'
import type { Random } from '../random.ts'
import { ClientActor } from './client-actor.ts'

const PAUSE_MILLISECONDS_MAX = 100
/** How long it stays away: sometimes longer than the delay of its will. */
const RUNS_AWAY_MAX = 5

export class WillClient extends ClientActor {
  protected readonly client: Client
  readonly #delaySeconds: number
  #sequence = 0
  #runsAway = 0

  constructor(facts: ClientSettings, delaySeconds: number, log: EventLog, random: Random) {
    super(random)
    this.#delaySeconds = delaySeconds
    this.client = new Client(facts, log, {
      connected: () => this.#connected(),
      closed: () => this.#closed(),
    })
  }

  /** It stays away, because its last will must be published. */
  get isSettled(): boolean {
    return this.client.isIdle
  }

  protected override cameUp(): void {
    if (this.isSettling) return
    if (this.#runsAway > 0) this.#runsAway -= 1
    else super.cameUp()
  }

  override settle(): void {
    this.isSettling = true
    this.client.cut()
  }

  override resume(): void {
    super.resume()
    this.connectAfter(0)
  }

  protected resumed(): void {
    // It has left for the check.
  }

  #connected(): void {
    if (this.#delaySeconds > 0) this.#runsAway = this.random.whole(0, RUNS_AWAY_MAX)
    const roll = this.random.fraction()
    if (roll < 0.4) return
    this.later(this.random.whole(0, PAUSE_MILLISECONDS_MAX), () => {
      if (roll < 0.7) this.client.cut()
      else this.client.sendDisconnect(false)
    })
  }

  #closed(): void {
    if (this.#delaySeconds === 0) this.connectAfter(this.random.whole(5, PAUSE_MILLISECONDS_MAX))
  }

  protected override connect(port: number): void {
    if (this.isSettling) return
    this.#sequence += 1
    const { clientId, isDurable } = this.client.facts
    const publisher = `${WILL_PREFIX}${clientId}`
    const will = { publisher, sequence: this.#sequence, delaySeconds: this.#delaySeconds }
    this.client.connect(port, !isDurable, will)
  }
}
