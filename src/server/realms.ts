// The access of all listeners: that of the configuration, and those of listeners that have users and rules of their own.

import type { Access } from '../access/access.ts'
import type { Authenticator } from '../access/authenticator.ts'
import { accessByRealm } from '../access/realm.ts'
import type { Config } from '../config/config-types.ts'
import { realmAccess, realmOfListener } from '../config/realms.ts'
import type { Log } from '../observe/log.ts'
import type { Approvals } from './approvals.ts'
import { ConfiguredAccess } from './configured-access.ts'
import type { Core } from './core.ts'
import type { TokenEndpoint } from './token-endpoint.ts'

export class Realms {
  readonly access: Access
  readonly #main: ConfiguredAccess
  readonly #all: readonly ConfiguredAccess[]

  /** Throws AccessFileError. */
  constructor(config: Config, log: Log, code?: Authenticator) {
    this.#main = new ConfiguredAccess(config, log, { ...(code !== undefined && { code }) })
    const own = config.listeners.flatMap(listener => {
      const realm = realmOfListener(listener)
      if (realm === null) return []
      const access = realmAccess(listener, config)
      return [{ realm, access: new ConfiguredAccess({ ...config, access }, log, { realm }) }]
    })
    this.#all = [this.#main, ...own.map(({ access }) => access)]
    this.access = accessByRealm(
      this.#main.access,
      new Map(own.map(({ realm, access }) => [realm, access.access])),
    )
  }

  /** Users of a realm are approved by its own file. */
  get approvals(): Approvals | null {
    return this.#main.approvals
  }

  tokenEndpoint(core: () => Core): TokenEndpoint | null {
    return this.#main.tokenEndpoint(core)
  }

  watch(core: Core): void {
    for (const each of this.#all) each.watch(core)
  }

  /** Throws AccessFileError for the first that is wrong. Those before it count. */
  reload(): void {
    for (const each of this.#all) each.reload()
  }

  get troubles(): readonly string[] {
    return [...new Set(this.#all.flatMap(({ troubles }) => troubles))]
  }

  /** The sums of all realms. */
  get counters(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {}
    for (const { counters } of this.#all) {
      for (const [name, count] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + count
    }
    return sums
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map(each => each.close()))
  }
}
