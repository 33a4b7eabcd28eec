// A pond whose broker has hooks. Their time-outs pass when a test says so.

import { openAccess } from '../../src/access/open-access.ts'
import type { HookName, Hooks } from '../../src/hooks/contexts.ts'
import { hookedAccess } from '../../src/hooks/hooked-access.ts'
import { HookRegistry } from '../../src/hooks/registry.ts'
import { Pond, type PondOptions } from '../pond.ts'

export class HookedPond extends Pond {
  readonly hooks: HookRegistry
  readonly #late: Set<() => void>

  constructor(options: PondOptions = {}) {
    let registry: HookRegistry | null = null
    const hooksOf = (): HookRegistry => {
      if (registry === null) throw new Error('a client came before the hooks')
      return registry
    }
    super({ ...options, access: hookedAccess(options.access ?? openAccess, hooksOf) })
    this.#late = new Set()
    this.hooks = new HookRegistry(this.core, {
      afterTime: late => {
        this.#late.add(late)
        return () => this.#late.delete(late)
      },
    })
    registry = this.hooks
  }

  adds<Name extends HookName>(name: Name, hook: Hooks[Name]): () => void {
    return this.hooks.add(name, hook, { name: '', prefix: '' })
  }

  /** What was answered by promises has its effect. */
  async answers(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    this.settles()
  }

  /** The time for all hooks that have not answered is over. */
  async hooksAreLate(): Promise<void> {
    for (const late of [...this.#late]) late()
    this.#late.clear()
    await this.answers()
  }

  /** How many answers are waited for. */
  get waiting(): number {
    return this.#late.size
  }
}

/** A promise, and how to fulfil it. */
export function awaited<Value>(): {
  readonly promise: Promise<Value>
  readonly is: (value: Value) => void
} {
  let is: (value: Value) => void = () => {}
  const promise = new Promise<Value>(resolve => (is = resolve))
  return { promise, is }
}
