// The counters of limits and drops as retained messages in $SYS, as operators of other brokers expect them. A counter appears when it
// has counted something, and again when it has changed.

import type { Status } from './status.ts'

/** How often the counters are looked at. mosquitto has the same. */
export const SYS_INTERVAL_MS = 10_000

type Counters = Pick<Status, 'limited' | 'dropped'>

export class SysTopics {
  readonly #announce: (topic: string, payload: string) => void
  readonly #announced = new Map<string, number>()

  constructor(announce: (topic: string, payload: string) => void) {
    this.#announce = announce
  }

  /** Announces the counters that have changed. */
  tell({ limited, dropped }: Counters): void {
    this.#tell('$SYS/broker/limits', limited)
    this.#tell('$SYS/broker/dropped', dropped)
  }

  #tell(tree: string, counters: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counters)) {
      const topic = `${tree}/${name}`
      if (count === (this.#announced.get(topic) ?? 0)) continue
      this.#announced.set(topic, count)
      this.#announce(topic, String(count))
    }
  }
}
