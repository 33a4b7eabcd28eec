// Plugins: functions that add hooks to a broker. Each has a scope of its own, so that its hooks go when it fails, and its name is in
// what is said of them. Plugins of one scope are registered one after the other, in the order of the calls.

import { thrownSentence } from '../thrown.ts'
import type { HookOwner } from './answers.ts'
import type { HookName, Hooks } from './contexts.ts'
import { type Decoration, type Decorations, Decorators } from './decorators.ts'
import type { HookRegistry } from './registry.ts'

export interface PluginOptions {
  /** Its hooks see only topics and filters below it; those of plugins within it as well. */
  readonly prefix?: string
  /** What errors call it. Left out: the name of the function. */
  readonly name?: string
  /** How long it may take until it is ready. */
  readonly timeoutMs?: number
}

export type Plugin<Broker, Options extends PluginOptions = PluginOptions> = (
  scope: PluginScope<Broker>,
  options: Options,
) => void | Promise<void>

const READY_MS_MAX = 10_000

/** A plugin has failed, or was not ready in time. Its hooks are removed. */
export class PluginError extends Error {
  readonly code: 'ERR_PLUGIN' | 'ERR_PLUGIN_TIMEOUT' | 'ERR_DECORATOR'

  constructor(code: PluginError['code'], sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? {} : { cause })
    this.name = 'PluginError'
    this.code = code
  }
}

/** What a plugin is given. */
export class PluginScope<Broker> {
  readonly broker: Broker & object
  /** The name of the plugin, with those that it is within. */
  readonly name: string
  /** The first levels of its topics, without a slash at the end; empty for all topics. */
  readonly prefix: string
  readonly #registry: HookRegistry
  readonly #decorators: Decorators
  readonly #removers = new Set<() => void>()
  readonly #within: PluginScope<Broker>[] = []
  #last: Promise<unknown> = Promise.resolve()
  #isOver = false

  /** `around`: the scope that it is within; null for that of the broker, whose members the broker itself has. */
  constructor(
    broker: Broker & object,
    registry: HookRegistry,
    { name, prefix }: { readonly name: string; readonly prefix: string },
    around: PluginScope<Broker> | null,
  ) {
    this.broker = broker
    this.name = name
    this.prefix = prefix
    this.#registry = registry
    this.#decorators = around === null ? new Decorators(broker) : around.#decorators.within(this)
  }

  /** Adds a hook, behind those of its name. Returns how to remove it. */
  addHook<Name extends HookName>(name: Name, hook: Hooks[Name]): () => void {
    if (this.#isOver)
      throw new PluginError('ERR_PLUGIN', `${this.#quoted()} has failed, and adds ${name}`)
    const owner: HookOwner = { name: this.name, prefix: prefixOf(this.prefix) }
    const remove = this.#registry.add(name, hook, owner)
    const remover = (): void => {
      if (this.#removers.delete(remover)) remove()
    }
    this.#removers.add(remover)
    return remover
  }

  /**
   * Adds a member, for this scope and those within it, and for nobody around it. `{ getter }` is called at each reading. Throws a
   * PluginError that names the plugin if there is such a member.
   */
  decorate<Name extends string>(name: Name, value: Decoration<Name>): void {
    const why = this.#isOver ? 'it has failed' : this.#decorators.add(name, value, this.#quoted())
    if (why === null) return
    const sentence = `${this.#quoted()} cannot add ${JSON.stringify(String(name))}: ${why}`
    throw new PluginError('ERR_DECORATOR', sentence)
  }

  /** Whether a member was added here or around. */
  hasDecorator(name: string): boolean {
    return this.#decorators.has(name)
  }

  /** Calls a plugin when those before it are ready. Rejects with a PluginError that names it. */
  async register<Options extends PluginOptions>(
    plugin: Plugin<Broker, Options>,
    ...[options]: Partial<Options> extends Options ? [options?: Options] : [options: Options]
  ): Promise<void> {
    const scope = this.#scopeFor(plugin, options)
    const before = this.#last
    const ready = before.then(() => scope.#load(plugin, options))
    this.#last = ready.catch(() => {})
    await ready
  }

  #scopeFor(plugin: unknown, options: PluginOptions | undefined): PluginScope<Broker> {
    if (typeof plugin !== 'function') throw new TypeError('a plugin must be a function')
    const { prefix = '', name = plugin.name } = options ?? {}
    if (typeof prefix !== 'string' || /[+#\0]|^\/|\/$/.test(prefix)) {
      throw new TypeError(
        'the prefix of a plugin is levels of a topic, without a slash at either end',
      )
    }
    const own = name === '' ? 'without a name' : String(name)
    const names = this.name === '' ? own : `${this.name}/${own}`
    const scope = new PluginScope(
      this.broker,
      this.#registry,
      { name: names, prefix: prefixOf(this.prefix) + prefix },
      this,
    )
    this.#within.push(scope)
    return scope
  }

  async #load<Options extends PluginOptions>(
    plugin: Plugin<Broker, Options>,
    options: Options | undefined,
  ): Promise<void> {
    const { timeoutMs = READY_MS_MAX } = options ?? {}
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const sentence = `${this.#quoted()} was not ready in ${timeoutMs / 1_000} s`
        reject(new PluginError('ERR_PLUGIN_TIMEOUT', sentence))
      }, timeoutMs)
    })
    try {
      // Only options that may all be left out can be left out.
      await Promise.race([plugin(this, options ?? ({} as Options)), late])
    } catch (error) {
      this.#end()
      if (error instanceof PluginError) throw error
      const cause = thrownSentence(error)
      throw new PluginError('ERR_PLUGIN', `${this.#quoted()} has failed: ${cause}`, error)
    } finally {
      clearTimeout(timer)
    }
  }

  #end(): void {
    this.#isOver = true
    for (const remove of this.#removers) remove()
    for (const scope of this.#within) scope.#end()
  }

  #quoted(): string {
    return this.name === '' ? 'the program' : `the plugin ${JSON.stringify(this.name)}`
  }
}

/** It has the members that were added where it is, or around it. */
export interface PluginScope<Broker> extends Decorations {
  readonly broker: Broker & object
}

/** Returns what all topics below some levels begin with; empty for all topics. */
function prefixOf(levels: string): string {
  return levels === '' ? '' : `${levels}/`
}
