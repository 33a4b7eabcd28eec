// What the embedding program gave us to call: its faults are told and stay its own.

import { isThenable } from '../access/guarded-access.ts'

/** Runs it. What it throws, at once or by a promise, is told. */
export type Guard = (run: () => unknown) => void

export function guardOf(failed: (error: unknown) => void): Guard {
  return run => {
    try {
      const result = run()
      if (isThenable(result)) Promise.resolve(result).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}

/** Handlers by the name of the event. Each hears it, whatever the others do. */
export class Handlers<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #guard: Guard
  readonly #handlers: {
    [Name in keyof Events]?: readonly ((...facts: Events[Name]) => unknown)[]
  } = {}

  constructor(guard: Guard) {
    this.#guard = guard
  }

  add<Name extends keyof Events>(name: Name, handler: (...facts: Events[Name]) => unknown): void {
    this.#handlers[name] = [...(this.#handlers[name] ?? []), handler]
  }

  /** The one that was added last, when it was added more than once. */
  remove<Name extends keyof Events>(
    name: Name,
    handler: (...facts: Events[Name]) => unknown,
  ): void {
    const handlers = this.#handlers[name] ?? []
    const at = handlers.lastIndexOf(handler)
    if (at < 0) return
    this.#handlers[name] = handlers.toSpliced(at, 1)
  }

  has(name: keyof Events): boolean {
    return (this.#handlers[name] ?? []).length > 0
  }

  tell<Name extends keyof Events>(name: Name, ...facts: Events[Name]): void {
    for (const handler of this.#handlers[name] ?? []) {
      this.#guard(() => handler(...facts))
    }
  }
}
