// All who listen to the broker, as one observer. An event that nobody listens to has no method there, so it costs one look.

import { EVENT_NAMES, type Events, type Observer } from './observer.ts'

export class Observers {
  /** What the broker tells. Its methods come and go with those who listen, and never throw. */
  readonly heard: Observer = {}
  readonly #failed: (error: unknown) => void
  #all: readonly Observer[] = []

  /** `failed` is called with what an observer throws: what it was told of has happened already. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
    for (const name of EVENT_NAMES) this.#update(name)
  }

  add(observer: Observer): void {
    this.#all = [...this.#all, observer]
    for (const name of EVENT_NAMES) if (observer[name] !== undefined) this.#update(name)
  }

  remove(observer: Observer): void {
    this.#all = this.#all.filter(each => each !== observer)
    for (const name of EVENT_NAMES) if (observer[name] !== undefined) this.#update(name)
  }

  #update(name: keyof Events): void {
    const listening = this.#all.filter(observer => observer[name] !== undefined)
    const tell = (...facts: readonly unknown[]): void => {
      for (const observer of listening) this.#tell(observer, name, facts)
    }
    Object.assign(this.heard, { [name]: listening.length === 0 ? undefined : tell })
  }

  #tell(observer: Observer, name: keyof Events, facts: readonly unknown[]): void {
    const told = observer[name]
    if (told === undefined) return
    try {
      Reflect.apply(told, observer, facts)
    } catch (error) {
      this.#failed(error)
    }
  }
}
