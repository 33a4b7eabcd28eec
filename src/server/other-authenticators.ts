// The authenticators of a configuration besides certificates and passwords.

import { AccessFileError, readAccessFile } from '../access/access-file.ts'
import type { AccessFiles } from '../access/access-settings.ts'
import type { Authenticator } from '../access/authenticator.ts'
import { HttpAuthenticator } from '../access/http/http-authenticator.ts'
import { HttpService } from '../access/http/http-request.ts'
import { FileKeys } from '../access/jwt/file-keys.ts'
import { JwtAuthenticator } from '../access/jwt/jwt-authenticator.ts'
import type { KeySet } from '../access/jwt/key-set.ts'
import { RemoteKeys } from '../access/jwt/remote-keys.ts'
import { OwnTokens } from '../access/tokens/own-tokens.ts'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'

type JwtSettings = NonNullable<Config['access']['jwt']>
type HttpSettings = NonNullable<Config['access']['http']>

const HTTP_ANSWER_BYTES_MAX = 65_536

export class OtherAuthenticators {
  readonly all: readonly Authenticator[]
  readonly #jwt: JwtAuthenticator | null
  readonly #fileKeys: FileKeys | null
  readonly #remoteKeys: RemoteKeys | null
  readonly #http: HttpAuthenticator | null
  /** Null when the broker issues no tokens. */
  readonly ownTokens: OwnTokens | null
  readonly #service: HttpService | null

  /** Throws AccessFileError. */
  constructor({ jwt, http, tokens }: Config['access'], { keys = null }: AccessFiles, log: Log) {
    this.#fileKeys = keys === null ? null : new FileKeys(keys)
    this.#remoteKeys = jwt?.jwksUrl === undefined ? null : remoteKeysOf(jwt, jwt.jwksUrl, log)
    const source = this.#fileKeys ?? this.#remoteKeys
    this.#jwt = jwt === undefined || source === null ? null : new JwtAuthenticator(source, jwt)
    this.#service = http === undefined ? null : serviceOf(http)
    this.#http =
      http === undefined || this.#service === null
        ? null
        : httpAuthenticatorOf(http, this.#service, log)
    this.ownTokens = tokens === undefined ? null : new OwnTokens()
    this.all = [this.ownTokens, this.#jwt, this.#http].filter(each => each !== null)
  }

  /** Sets where tokens of the broker find whether the password that they were issued for is still that of its user. */
  passwordsAre(hashOf: OwnTokens['hashOf']): void {
    if (this.ownTokens !== null) this.ownTokens.hashOf = hashOf
  }

  start(): void {
    this.#remoteKeys?.start()
  }

  replace(keys: KeySet | null): void {
    if (keys !== null && this.#fileKeys !== null) this.#fileKeys.keys = keys
  }

  /** One sentence for each trouble, for strangers: the log says more. */
  get troubles(): readonly string[] {
    return [...keyTroubles(this.#remoteKeys), ...(this.#http?.isTroubled === true ? [NO_HTTP] : [])]
  }

  get counters(): Readonly<Record<string, number>> {
    return {
      ...this.#jwt?.counters,
      ...this.#remoteKeys?.counters,
      ...this.#http?.counters,
      ...this.ownTokens?.counters,
    }
  }

  close(): void {
    this.#remoteKeys?.close()
    this.#service?.close()
  }
}

const NO_HTTP = 'The HTTP service that knows users does not answer.'

function keyTroubles(keys: RemoteKeys | null): readonly string[] {
  if (keys?.isTroubled !== true) return []
  return keys.keys === null
    ? ['The keys for tokens cannot be read: tokens are refused.']
    : ['The keys for tokens could not be read anew: those of before hold for a while.']
}

function serviceOf({ url, caFile, timeoutMs, requestsMax }: HttpSettings): HttpService {
  return new HttpService(url, caFile === undefined ? undefined : readAccessFile(caFile), {
    connectionsMax: requestsMax,
    timeoutMs,
    answerBytesMax: HTTP_ANSWER_BYTES_MAX,
  })
}

function httpAuthenticatorOf(
  settings: HttpSettings,
  service: HttpService,
  log: Log,
): HttpAuthenticator {
  const { url, tokenFile } = settings
  return new HttpAuthenticator({
    ...settings,
    service,
    token: tokenFile === undefined ? null : tokenIn(tokenFile),
    failed: cause =>
      log.error({ event: 'access.http.failed', url, cause }, 'the HTTP service for users failed'),
  })
}

/** Throws AccessFileError for what no header can have. */
function tokenIn(file: string): string {
  const token = readAccessFile(file).toString('latin1').trim()
  if (/^[\x21-\x7e]{1,8192}$/.test(token)) return token
  const sentence = 'has no token: 1 to 8192 visible characters without a space'
  throw new AccessFileError([{ place: file, sentence }])
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
