// All observers of the broker as one object. An event without a listener has no method in it, so it costs one property access.

import { EVENT_NAMES, type Events, type Observer } from './observer.ts'

export class Observers {
  /** The observer that the broker calls. It has a method for each event with a listener. The methods never throw. */
  readonly heard: Observer = {}
  readonly #failed: (error: unknown) => void
  #all: readonly Observer[] = []

  /** `failed` is called with what an observer throws. */
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
    const call = (...args: readonly unknown[]): void => {
      for (const observer of listening) this.#call(observer, name, args)
    }
    Object.assign(this.heard, { [name]: listening.length === 0 ? undefined : call })
  }

  #call(observer: Observer, name: keyof Events, args: readonly unknown[]): void {
    const method = observer[name]
    if (method === undefined) return
    try {
      Reflect.apply(method, observer, args)
    } catch (error) {
      this.#failed(error)
    }
  }
}
