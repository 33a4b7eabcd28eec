// Access by the configuration and its files, which are read again when they change while the broker runs.

import { statSync, unwatchFile, watchFile } from 'node:fs'
import { type AccessFiles, readAccess } from '../access/access-settings.ts'
import type { Access } from '../access/access.ts'
import { CertificateUsers } from '../access/certificate-users.ts'
import { openAccess } from '../access/open-access.ts'
import { NOTHING } from '../access/permissions.ts'
import { UsersAccess } from '../access/users-access.ts'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'
import type { Core } from './core.ts'

/** How often the files are checked, and how long they must be unchanged before they are read, because a write may be in progress. */
const LOOKED_AT_EVERY_MS = 250
const SETTLED_AFTER_MS = 200

export class ConfiguredAccess {
  readonly access: Access
  readonly #settings: Config['access']
  readonly #log: Log
  /** Null when every client is allowed and may do everything. */
  readonly #users: UsersAccess | null
  readonly #changed = (): void => this.#settle()
  /** The files were wrong when they were last read: the users and rules of before hold. */
  keepsOld = false
  #reloadsRefused = 0
  #settled: NodeJS.Timeout | undefined
  /** The state of the files when they were last read. */
  #readState = ''
  #core: Core | null = null

  /** Throws AccessFileError. */
  constructor({ access: settings }: Config, log: Log) {
    this.#settings = settings
    this.#log = log
    const files = this.#read()
    const { anonymous = 'loopback' } = settings
    const certificates =
      settings.certificates === undefined ? null : new CertificateUsers(settings.certificates)
    const asksNobody = files.users === null && files.rules === null && certificates === null
    const isOpen = asksNobody && anonymous !== 'never'
    this.#users = isOpen ? null : new UsersAccess(files, anonymous, { certificates })
    this.access = this.#users ?? openAccess
  }

  /** Applies changes of the files to the clients of this core from now on. */
  watch(core: Core): void {
    this.#core = core
    for (const file of this.#files()) {
      watchFile(file, { interval: LOOKED_AT_EVERY_MS, persistent: false }, this.#changed)
    }
    // Watching does not report a change that was made while the broker started.
    this.#settled = setTimeout(() => {
      if (this.#stateNow() !== this.#readState) this.#reloadOrKeep()
    }, SETTLED_AFTER_MS).unref()
  }

  /**
   * Reads the files again. The new rules apply from the next check on. If anything is wrong, nothing changes. Clients whose user
   * does not exist any more are disconnected. Throws AccessFileError.
   */
  reload(): void {
    if (this.#users === null) return
    const files = this.#readAnew()
    this.#users.replace(files)
    const disconnected = this.#core === null ? 0 : checkUsersAgain(this.#core, this.#users)
    const users = files.users?.users.size ?? 0
    this.#log.info(
      { event: 'access.reloaded', users, rules: files.rules?.count ?? 0, disconnected },
      'users and rules were read anew',
    )
  }

  get counters(): Readonly<Record<string, number>> {
    if (this.#users === null) return {}
    const reloadsRefused = this.#reloadsRefused
    return { ...this.#users.counters, reloadsRefused, keepsOld: this.keepsOld ? 1 : 0 }
  }

  async close(): Promise<void> {
    clearTimeout(this.#settled)
    for (const file of this.#files()) unwatchFile(file, this.#changed)
    await this.#users?.close()
  }

  #files(): readonly string[] {
    const { usersFile, rulesFile, dynamicSecurityFile } = this.#settings
    return [usersFile, rulesFile, dynamicSecurityFile].filter(each => each !== undefined)
  }

  #stateNow(): string {
    return this.#files().map(stateOf).join()
  }

  #read(): AccessFiles {
    this.#readState = this.#stateNow()
    const files = readAccess(this.#settings)
    for (const { place, sentence } of files.warnings) {
      this.#log.warn({ event: 'access.doubtful', place }, `${place}: ${sentence}`)
    }
    return files
  }

  #readAnew(): AccessFiles {
    try {
      const files = this.#read()
      this.keepsOld = false
      return files
    } catch (error) {
      this.keepsOld = true
      this.#reloadsRefused += 1
      throw error
    }
  }

  #settle(): void {
    clearTimeout(this.#settled)
    this.#settled = setTimeout(() => this.#reloadOrKeep(), SETTLED_AFTER_MS).unref()
  }

  #reloadOrKeep(): void {
    try {
      this.reload()
    } catch (error) {
      keptInstead(this.#log, error)
    }
  }
}

function stateOf(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(file)
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    // Reading it says why.
    return 'none'
  }
}

/** Logs that the earlier rules stay in use. */
export function keptInstead(log: Log, error: unknown): void {
  const cause = error instanceof Error ? error.message : String(error)
  log.error({ event: 'access.kept', cause }, 'the users and rules of before stay')
}

/** Returns how many clients were disconnected. */
function checkUsersAgain({ broker, commands, turn }: Core, users: UsersAccess): number {
  turn.begin()
  let disconnected = 0
  for (const { clientId, rights } of broker.sessions.all()) {
    const { identity, permissions } = rights
    if (users.isGone(identity)) {
      rights.grant(NOTHING)
      if (broker.sessions.holderOf(clientId) === null) continue
      disconnected++
      commands.disconnectClient(clientId, 'its user was removed').catch(() => {})
    } else if (permissions === NOTHING) {
      rights.grant(users.permissionsOf(identity) ?? NOTHING)
    }
  }
  return disconnected
}
