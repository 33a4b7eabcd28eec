// The network between partitions: frames are delayed, cut, repeated and reordered. What was sent survives its sender.

import type { Random } from './random.ts'
import type { EventQueue } from './event-queue.ts'

export interface NetworkSettings {
  /** The longest way of a frame, where it is not late. */
  readonly latencyMs: number
  /** One frame in this many is lost, repeated, or late by up to `lateMs`; 0 for none. */
  readonly losses: number
  readonly repetitions: number
  readonly late: number
  readonly lateMs: number
  /** The longest time between two cuts, and of one; 0 for no cuts. */
  readonly calmMs: number
  readonly cutMs: number
}

/** Returns whether somebody took the frame. */
type Receiver = (frame: Buffer) => void

export class FrameNetwork {
  readonly #events: EventQueue
  readonly #random: Random
  readonly #settings: NetworkSettings
  readonly #receivers: readonly Receiver[]
  /** Which ways are cut: from and to, or all. */
  #cut: ((from: number, to: number) => boolean) | null = null
  #isPeaceful = false
  frames = 0

  /** `receivers` have the numbers of their partitions. */
  constructor(
    events: EventQueue,
    random: Random,
    settings: NetworkSettings,
    receivers: readonly Receiver[],
  ) {
    this.#events = events
    this.#random = random
    this.#settings = settings
    this.#receivers = receivers
    if (settings.cutMs > 0) this.#cutsLater()
  }

  /** From now on every frame arrives, once and soon. */
  calmsDown(): void {
    this.#isPeaceful = true
    this.#cut = null
  }

  send(from: number, to: number, frame: Buffer): void {
    this.frames += 1
    const { losses, repetitions } = this.#settings
    const copies = this.#happens(repetitions) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (this.#happens(losses) || this.#cut?.(from, to) === true) continue
      this.#events.after(this.#delay(), () => this.#receivers[to]?.(Buffer.from(frame)))
    }
  }

  #happens(once: number): boolean {
    return !this.#isPeaceful && once > 0 && this.#random.chance(once)
  }

  #delay(): number {
    const { latencyMs, late, lateMs } = this.#settings
    return this.#random.below((this.#happens(late) ? lateMs : latencyMs) + 1)
  }

  #cutsLater(): void {
    this.#events.after(this.#random.below(this.#settings.calmMs + 1), () => {
      if (this.#isPeaceful) return
      const one = this.#random.below(this.#receivers.length)
      const isOneWay = this.#random.chance(2)
      this.#cut = (from, to) => from === one || (!isOneWay && to === one)
      this.#events.after(this.#random.below(this.#settings.cutMs + 1), () => {
        this.#cut = null
        if (!this.#isPeaceful) this.#cutsLater()
      })
    })
  }
}

export function networkSettingsOf(random: Random): NetworkSettings {
  return {
    latencyMs: random.of([0, 2, 20, 100]),
    losses: random.of([0, 2, 3, 20]),
    repetitions: random.of([0, 3, 20]),
    late: random.of([0, 3, 20]),
    lateMs: random.of([50, 1_000, 5_000]),
    calmMs: random.of([100, 2_000]),
    cutMs: random.of([0, 100, 2_000]),
  }
}
