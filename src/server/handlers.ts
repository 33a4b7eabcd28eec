// Handlers of the embedding program. Their exceptions are reported and do not reach the broker.

import { isThenable, promised } from '../access/guarded-access.ts'

/** Runs a handler, and reports its exception or the rejection of its promise. */
export type Guard = (run: () => unknown) => void

export function guardOf(failed: (error: unknown) => void): Guard {
  return run => {
    try {
      const result = run()
      if (isThenable(result)) promised(result).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}

/** Handlers by the name of the event. All are called, even if one throws. */
export class Handlers<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #guard: Guard
  readonly #observe: (name: keyof Events) => () => void
  /** The functions that stop observing, by event. */
  readonly #stops = new Map<keyof Events, () => void>()
  readonly #handlers: {
    [Name in keyof Events]?: readonly ((...args: Events[Name]) => unknown)[]
  } = {}

  /** `observe` is called when an event gets its first handler. The function that it returns is called when the last one is removed. */
  constructor(guard: Guard, observe: (name: keyof Events) => () => void) {
    this.#guard = guard
    this.#observe = observe
  }

  add<Name extends keyof Events>(name: Name, handler: (...args: Events[Name]) => unknown): void {
    this.#handlers[name] = [...(this.#handlers[name] ?? []), handler]
    if (!this.#stops.has(name)) this.#stops.set(name, this.#observe(name))
  }

  /** Removes a handler. If it was added several times, the last one is removed. */
  remove<Name extends keyof Events>(name: Name, handler: (...args: Events[Name]) => unknown): void {
    const handlers = this.#handlers[name] ?? []
    const at = handlers.lastIndexOf(handler)
    if (at < 0) return
    this.#handlers[name] = handlers.toSpliced(at, 1)
    if (handlers.length > 1) return
    this.#stops.get(name)?.()
    this.#stops.delete(name)
  }

  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    for (const handler of this.#handlers[name] ?? []) {
      this.#guard(() => handler(...args))
    }
  }
}
