// The broker's figures as retained messages in $SYS: those of mosquitto under its names, and the counters of limits and drops, once
// they are above 0. A figure is published only when it has changed.

import type { Status } from './status.ts'
import type { SysFigures, SysSources } from './sys-figures.ts'

/** How often they are compared with what was published. mosquitto has the same default. */
export const SYS_INTERVAL_MS = 10_000

interface Sources extends SysSources {
  readonly status: SysSources['status'] & Pick<Status, 'limited'>
}

export class SysTopics {
  readonly #announce: (topic: string, payload: string) => void
  readonly #announced = new Map<string, string>()
  readonly #figures: SysFigures

  constructor(announce: (topic: string, payload: string) => void, figures: SysFigures) {
    this.#announce = announce
    this.#figures = figures
  }

  /** Announces what has changed. `seconds`: since the last call, or since the start. */
  tell(sources: Sources, seconds: number): void {
    for (const [name, payload] of this.#figures.of(sources, seconds)) this.#tell(name, payload)
    this.#count('limits', sources.status.limited)
    this.#count('dropped', sources.status.dropped)
  }

  #count(tree: string, counters: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counters)) {
      if (count > 0) this.#tell(`${tree}/${name}`, String(count))
    }
  }

  #tell(name: string, payload: string): void {
    if (this.#announced.get(name) === payload) return
    this.#announced.set(name, payload)
    this.#announce(`$SYS/broker/${name}`, payload)
  }
}
