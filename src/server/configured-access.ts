// Access by the configuration and its files, which are read again when they change while the broker runs.

import { type AccessFiles, readAccess } from '../access/access-settings.ts'
import type { Access } from '../access/access.ts'
import type { Authenticator } from '../access/authenticator.ts'
import { CertificateUsers } from '../access/certificate-users.ts'
import type { Identity } from '../access/identity.ts'
import type { WrittenSecurity } from '../access/mosquitto/security-writing.ts'
import { realmOf, withinRealm } from '../access/realm.ts'
import { openAccess } from '../access/open-access.ts'
import { UsersAccess } from '../access/users-access.ts'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'
import { thrownSentence } from '../thrown.ts'
import { Approvals } from './approvals.ts'
import type { Core } from './core.ts'
import { storeDirectory } from './create-store.ts'
import { decoyKeyIn } from './decoy-key.ts'
import { DynamicSecurity } from './dynamic-security.ts'
import { renewRights } from './renew-rights.ts'
import { TokenEndpoint } from './token-endpoint.ts'
import { OtherAuthenticators } from './other-authenticators.ts'
import { checkCertificatesAgain, checkUsersAgain, type PresentUsers } from './revocation.ts'
import { WatchedFiles } from './watched-files.ts'

interface AccessParts {
  readonly code?: Authenticator
  /** Of the listener that it is for; null if it is for all others. */
  readonly realm?: string | null
}

// Wide on purpose: a field for each part that files of users and rules change.
export class ConfiguredAccess {
  readonly access: Access
  /** Null where nobody has a password. */
  readonly approvals: Approvals | null
  readonly #settings: Config['access']
  readonly #realm: string | null
  readonly #log: Log
  /** That of the store; null for a store in memory. */
  readonly #directory: string | null
  /** Null when every client is allowed and may do everything. */
  readonly #users: UsersAccess | null
  readonly #others: OtherAuthenticators
  readonly #files: WatchedFiles
  /** The files were wrong when they were last read: the users and rules of before hold. */
  keepsOld = false
  #reloadsRefused = 0
  #core: Core | null = null
  /** Null without a file of the dynamic security. */
  #control: DynamicSecurity | null = null

  /** Throws AccessFileError. */
  constructor(config: Config, log: Log, { code, realm = null }: AccessParts = {}) {
    this.#realm = realm
    const { access: settings, store } = config
    this.#settings = settings
    this.#directory = store.durability === 'memory' ? null : storeDirectory(config)
    this.#log = log
    this.#files = new WatchedFiles(filesOf(settings), () => this.#reloadOrKeep())
    const files = this.#read()
    const { anonymous = 'loopback' } = settings
    const certificates =
      settings.certificates === undefined
        ? null
        : new CertificateUsers(settings.certificates, files.fingerprints)
    this.#others = new OtherAuthenticators(settings, files, log)
    const others = code === undefined ? this.#others.all : [...this.#others.all, code]
    const asksNobody =
      files.users === null &&
      files.rules === null &&
      certificates === null &&
      settings.psk === undefined &&
      others.length === 0
    const isOpen = asksNobody && anonymous !== 'never'
    this.#users = isOpen
      ? null
      : new UsersAccess(files, anonymous, {
          certificates,
          keysNameUsers: settings.psk !== undefined,
          others,
          ...(settings.order !== undefined && { order: settings.order }),
        })
    const passwords = this.#users?.passwords ?? null
    if (passwords !== null) this.#others.passwordsAre(name => passwords.directory.hashOf(name))
    this.approvals =
      passwords === null
        ? null
        : new Approvals({
            settings,
            awaited: passwords.awaited,
            log,
            reload: () => this.reload(),
          })
    this.access = this.#users ?? openAccess
  }

  /** Answers requests for tokens of the broker; null when it issues none. */
  tokenEndpoint(core: () => Core): TokenEndpoint | null {
    const { tokens } = this.#settings
    const { ownTokens } = this.#others
    const users = this.#users
    if (tokens === undefined || ownTokens === null || users === null) return null
    return new TokenEndpoint({
      ask: credentials => users.find(credentials),
      mayHave: name => tokens.users === undefined || tokens.users.some(each => each === name),
      issue: (found, clientId) => ownTokens.issue(found, clientId, tokens.validSeconds * 1_000),
      renew: (...renewal) => renewRights(core(), ...renewal),
      now: () => performance.now(),
    })
  }

  /** Applies changes of the files to the clients of this core from now on. */
  watch(core: Core): void {
    this.#core = core
    this.#keepDecoys()
    // The store may have sessions from before users and rules were as they are now.
    if (this.#users !== null) checkUsersAgain(core, this.#present(this.#users, core), new Set())
    this.#others.start()
    this.#files.start()
    const { dynamicSecurityFile: file } = this.#settings
    if (file === undefined || this.#users === null) return
    this.#control = new DynamicSecurity({
      file,
      core,
      users: this.#users,
      realm: this.#realm,
      log: this.#log,
      reload: (before, written) => this.reload(before, written),
    })
    core.broker.control = this.#control
  }

  /**
   * Reads the files again. The new rules apply from the next check on. If anything is wrong, nothing changes. Clients whose user
   * does not exist any more, has another password, or whose certificate is not listed any more, are disconnected. `before` is called when
   * nothing is wrong, before that. `written` is the dynamic security as the broker has just written it. Throws AccessFileError.
   */
  reload(before: () => void = () => {}, written: WrittenSecurity | null = null): void {
    if (this.#users === null) return
    const files = this.#readAnew(written)
    before()
    const changed = this.#users.replace(files)
    this.#others.replace(files.keys ?? null)
    const disconnected = this.#disconnect(this.#users, changed)
    const users = files.users?.users.size ?? 0
    this.#log.info(
      { event: 'access.reloaded', users, rules: files.rules?.count ?? 0, disconnected },
      'users and rules were read anew',
    )
  }

  /** One sentence for each trouble, for strangers: the log says more. */
  get troubles(): readonly string[] {
    return [...(this.keepsOld ? [KEPT] : []), ...this.#others.troubles]
  }

  get counters(): Readonly<Record<string, number>> {
    if (this.#users === null) return {}
    const reloadsRefused = this.#reloadsRefused
    return {
      ...this.#users.counters,
      ...this.#others.counters,
      reloadsRefused,
      keepsOld: this.keepsOld ? 1 : 0,
    }
  }

  async close(): Promise<void> {
    this.#files.close()
    this.#others.close()
    await this.#control?.close()
    await this.#users?.close()
  }

  /** Users of the configuration itself have no file with a key for decoys, so it lies beside the store. */
  #keepDecoys(): void {
    const scram = this.#users?.passwords?.scram
    const isUsed = scram?.offers('sha256') === true || scram?.offers('sha512') === true
    if (!isUsed || this.#settings.usersFile !== undefined || this.#directory === null) return
    try {
      scram?.useKey(decoyKeyIn(this.#directory))
    } catch (error) {
      const cause = thrownSentence(error)
      this.#log.warn({ event: 'access.doubtful', cause }, NO_DECOY_KEY)
    }
  }

  /** Returns how many clients were disconnected. */
  #disconnect(users: UsersAccess, changed: ReadonlySet<string>): number {
    const core = this.#core
    if (core === null) return 0
    const byCertificate = checkCertificatesAgain(core, ({ certificate, terms }, identity) => {
      if (certificate === null || (terms?.realm ?? null) !== this.#realm) return null
      return users.refusalOf(certificate, identity === null ? null : withinRealm(identity))
    })
    return byCertificate + checkUsersAgain(core, this.#present(users, core), changed)
  }

  /** Those of its realm. What others may do stays. */
  #present(users: UsersAccess, { broker }: Core): PresentUsers {
    const isOwn = (identity: Identity): boolean => realmOf(identity) === this.#realm
    return {
      isGone: identity => isOwn(identity) && users.isGone(withinRealm(identity)),
      isByPasswordOf: (identity, changed) =>
        isOwn(identity) && users.isByPasswordOf(withinRealm(identity), changed),
      permissionsOf: identity =>
        isOwn(identity)
          ? users.permissionsOf(withinRealm(identity))
          : (broker.sessions.get(identity.clientId)?.rights.permissions ?? null),
    }
  }

  #read(written: WrittenSecurity | null = null): AccessFiles {
    this.#files.noteState()
    const files = readAccess(this.#settings, written)
    for (const { place, sentence } of files.warnings) {
      this.#log.warn({ event: 'access.doubtful', place }, `${place}: ${sentence}`)
    }
    return files
  }

  #readAnew(written: WrittenSecurity | null): AccessFiles {
    try {
      const files = this.#read(written)
      this.keepsOld = false
      return files
    } catch (error) {
      this.keepsOld = true
      this.#reloadsRefused += 1
      throw error
    }
  }

  #reloadOrKeep(): void {
    try {
      this.reload()
    } catch (error) {
      keptInstead(this.#log, error)
    }
  }
}

const NO_DECOY_KEY =
  'no key for decoys can be stored: whoever compares the salts of SCRAM before and after a restart can find out who is a user'
const KEPT = 'The users and rules could not be read anew: those of before hold.'

function filesOf(settings: Config['access']): readonly string[] {
  const { usersFile, rulesFile, dynamicSecurityFile, certificates, jwt } = settings
  const files = [
    usersFile,
    rulesFile,
    dynamicSecurityFile,
    certificates?.fingerprintsFile,
    jwt?.jwksFile,
    jwt?.keyFile,
    jwt?.secretFile,
  ]
  return files.filter(each => each !== undefined)
}

/** Logs that the earlier rules stay in use. */
export function keptInstead(log: Log, error: unknown): void {
  const cause = thrownSentence(error)
  log.error({ event: 'access.kept', cause }, 'the users and rules of before stay')
}
