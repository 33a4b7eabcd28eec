// The authenticators of a configuration besides certificates and passwords.

import { readAccessFile } from '../access/access-file.ts'
import type { AccessFiles } from '../access/access-settings.ts'
import type { Authenticator } from '../access/authenticator.ts'
import { FileKeys } from '../access/jwt/file-keys.ts'
import { JwtAuthenticator } from '../access/jwt/jwt-authenticator.ts'
import type { KeySet } from '../access/jwt/key-set.ts'
import { RemoteKeys } from '../access/jwt/remote-keys.ts'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'

type JwtSettings = NonNullable<Config['access']['jwt']>

export class OtherAuthenticators {
  readonly all: readonly Authenticator[]
  readonly #jwt: JwtAuthenticator | null
  readonly #fileKeys: FileKeys | null
  readonly #remoteKeys: RemoteKeys | null

  /** Throws AccessFileError. */
  constructor({ jwt }: Config['access'], { keys = null }: AccessFiles, log: Log) {
    this.#fileKeys = keys === null ? null : new FileKeys(keys)
    this.#remoteKeys = jwt?.jwksUrl === undefined ? null : remoteKeysOf(jwt, jwt.jwksUrl, log)
    const source = this.#fileKeys ?? this.#remoteKeys
    this.#jwt = jwt === undefined || source === null ? null : new JwtAuthenticator(source, jwt)
    this.all = [this.#jwt].filter(each => each !== null)
  }

  start(): void {
    this.#remoteKeys?.start()
  }

  replace(keys: KeySet | null): void {
    if (keys !== null && this.#fileKeys !== null) this.#fileKeys.keys = keys
  }

  /** One sentence for each trouble, for strangers: the log says more. */
  get troubles(): readonly string[] {
    if (this.#remoteKeys?.isTroubled !== true) return []
    return this.#remoteKeys.keys === null
      ? ['The keys for tokens cannot be read: tokens are refused.']
      : ['The keys for tokens could not be read anew: those of before hold for a while.']
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#jwt?.counters, ...this.#remoteKeys?.counters }
  }

  close(): void {
    this.#remoteKeys?.close()
  }
}

function remoteKeysOf(jwt: JwtSettings, url: string, log: Log): RemoteKeys {
  const { caFile, algorithms, refreshSeconds, keysValidSeconds } = jwt
  return new RemoteKeys({
    url,
    ca: caFile === undefined ? undefined : readAccessFile(caFile),
    algorithms,
    refreshSeconds,
    keysValidSeconds,
    changed: trouble => {
      if (trouble === null) log.info({ event: 'access.keys.read', url }, 'keys were read again')
      else log.error({ event: 'access.keys.failed', url, cause: trouble }, KEYS_FAILED)
    },
  })
}

const KEYS_FAILED = 'the keys for tokens cannot be read: those of before hold for keysValidSeconds'
