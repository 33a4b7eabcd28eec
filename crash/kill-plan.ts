// Decides when the broker is killed: mostly right after an acknowledgement, sometimes at any time, sometimes during its
// start.

import type { LoggedEvent } from './event.ts'
import type { Random } from './random.ts'

interface Moment {
  readonly kind: LoggedEvent['kind']
  readonly countMax: number
}

/** The kinds of events after which a kill may come, and how many of them may pass first. */
const MOMENTS: readonly [Moment, ...Moment[]] = [
  { kind: 'connected', countMax: 15 },
  { kind: 'subscribed', countMax: 3 },
  { kind: 'unsubscribed', countMax: 1 },
  { kind: 'accepted', countMax: 300 },
  { kind: 'settled', countMax: 300 },
  { kind: 'released', countMax: 300 },
  { kind: 'delivered', countMax: 1_000 },
  { kind: 'handed', countMax: 100 },
  { kind: 'answered', countMax: 100 },
  { kind: 'transaction-asked', countMax: 60 },
  { kind: 'transaction-answered', countMax: 60 },
  { kind: 'retained-answered', countMax: 1 },
]

const LIFE_MILLISECONDS_MAX = 260
/** On a busy machine it takes long until the first message is acknowledged: a life without one would show little. */
const PATIENCE_MILLISECONDS = 5_000
const DELAY_MILLISECONDS_MAX = 30
const CHANCE_OF_ANY_TIME = 0.15
const CHANCE_OF_NO_DELAY = 0.5

export interface KillPlan {
  readonly kind: LoggedEvent['kind'] | null
  readonly count: number
  readonly delayMilliseconds: number
  /** The kill comes so long after the start, or, if it waits for a kind of event, after the first acknowledgement, at the latest. */
  readonly lifeMilliseconds: number
}

export function planKill(random: Random): KillPlan {
  const lifeMilliseconds = random.whole(20, LIFE_MILLISECONDS_MAX)
  if (random.chance(CHANCE_OF_ANY_TIME))
    return { kind: null, count: 0, delayMilliseconds: 0, lifeMilliseconds }
  const { kind, countMax } = random.pick(MOMENTS)
  const delayMilliseconds = random.chance(CHANCE_OF_NO_DELAY)
    ? 0
    : random.whole(1, DELAY_MILLISECONDS_MAX)
  const count = random.whole(1, countMax)
  return { kind, count, delayMilliseconds, lifeMilliseconds: LIFE_MILLISECONDS_MAX }
}

/** Follows the events of one run of the broker and kills it once. */
export class Executioner {
  readonly #plan: KillPlan
  readonly #strike: () => void
  #timer: NodeJS.Timeout
  #isAlive = false
  #count: number
  #isDone = false

  constructor(plan: KillPlan, strike: () => void) {
    this.#plan = plan
    this.#strike = strike
    this.#count = plan.count
    const { kind, lifeMilliseconds } = plan
    this.#timer = this.#actAfter(kind === null ? lifeMilliseconds : PATIENCE_MILLISECONDS)
  }

  see(event: LoggedEvent): void {
    const { kind, lifeMilliseconds } = this.#plan
    if (this.#isDone || kind === null) return
    if (event.kind === 'accepted' && !this.#isAlive) {
      this.#isAlive = true
      clearTimeout(this.#timer)
      this.#timer = this.#actAfter(lifeMilliseconds)
    }
    if (event.kind !== kind) return
    this.#count -= 1
    if (this.#count > 0) return
    // The kill comes within this call, before the client handles its next packet.
    if (this.#plan.delayMilliseconds === 0) this.#act()
    else setTimeout(() => this.#act(), this.#plan.delayMilliseconds)
  }

  #actAfter(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => this.#act(), milliseconds)
  }

  #act(): void {
    if (this.#isDone) return
    this.#isDone = true
    clearTimeout(this.#timer)
    this.#strike()
  }
}
