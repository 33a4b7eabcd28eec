// TLS by pre-shared keys: what a server needs for it, and which key a client has proved.

import { constants, createHmac, randomBytes } from 'node:crypto'
import {
  DEFAULT_CIPHERS,
  type SecureContextOptions,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls'
import type { PreSharedKey } from '../access/psk-file.ts'
import { shortened } from '../packet/text.ts'

type Keys = ReadonlyMap<string, PreSharedKey>

/** Those of TLS 1.2; Node's own list has none. Those with forward secrecy come first. DHE-PSK is left out: strangers can make it costly. */
const PSK_CIPHERS = [
  'ECDHE-PSK-CHACHA20-POLY1305',
  'ECDHE-PSK-AES128-CBC-SHA256',
  'PSK-CHACHA20-POLY1305',
  'PSK-AES256-GCM-SHA384',
  'PSK-AES128-GCM-SHA256',
  'PSK-AES256-CCM',
  'PSK-AES128-CCM',
]

/** What a client has named in its handshake. The key is null for an identity that is not in the file. */
interface Named {
  readonly identity: string
  readonly key: PreSharedKey | null
}

/** Keys are used with SHA-256 only, so its suites come first in TLS 1.3. Otherwise the certificate would be used instead. */
const TLS13_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_256_GCM_SHA384',
]
/** Node's own list, which excludes those of pre-shared keys (`!PSK`). `-PSK` lets the list above add some again. */
const CERTIFICATE_CIPHERS = DEFAULT_CIPHERS.split(':')
  .filter(name => !name.startsWith('TLS_'))
  .map(name => (name === '!PSK' ? '-PSK' : name))

export class PreSharedKeys {
  readonly #hint: string | undefined
  #keys: Keys
  readonly #decoySecret = randomBytes(32)
  /** The key that each client has named last. Naming a key does not prove it. */
  readonly #named = new WeakMap<TLSSocket, Named>()

  constructor(keys: Keys, hint: string | undefined) {
    this.#keys = keys
    this.#hint = hint
  }

  replace(keys: Keys): void {
    this.#keys = keys
  }

  /** Whether this is still the key of its identity. */
  has(key: PreSharedKey): boolean {
    return this.#keys.get(key.identity)?.hasSameKeyAs(key) === true
  }

  get serverOptions(): TlsOptions {
    return {
      ...(this.#hint !== undefined && { pskIdentityHint: this.#hint }),
      pskCallback: (socket, identity) => this.#keyFor(socket, identity),
    }
  }

  /** An unknown identity gets a key that nobody has, so that the answer does not tell strangers who is in the file. */
  #keyFor(socket: TLSSocket, identity: string): Buffer {
    const decoy = createHmac('sha256', this.#decoySecret).update(identity).digest()
    const key = this.#keys.get(identity) ?? null
    this.#named.set(socket, { identity, key })
    return key?.bytes ?? decoy
  }

  /** Returns why the key of a client was refused; null if it has named none. */
  sentenceFor(socket: TLSSocket): string | null {
    const named = this.#named.get(socket)
    if (named === undefined) return null
    const identity = JSON.stringify(shortened(named.identity))
    return named.key === null
      ? `the identity ${identity} of the client's key is not in pskFile`
      : `the client has another key for ${identity} than pskFile`
  }

  /**
   * Returns the key that the finished handshake was made with, or null. In TLS 1.3 a client may name a key that is then not used, so
   * that naming proves nothing. OpenSSL reports a key in use as a resumed session, and no real session can be resumed here.
   */
  provedBy(socket: TLSSocket): PreSharedKey | null {
    const isUsed =
      socket.getProtocol() === 'TLSv1.3'
        ? socket.isSessionReused()
        : socket.getCipher().name.includes('PSK')
    return isUsed ? (this.#named.get(socket)?.key ?? null) : null
  }
}

/** What the context of a listener with pre-shared keys has besides certificates. */
export const PSK_CONTEXT: SecureContextOptions = {
  ciphers: [...TLS13_CIPHERS, ...CERTIFICATE_CIPHERS, ...PSK_CIPHERS].join(':'),
  // A resumed session would outlive the key that it began with, and could not be told from a key of TLS 1.3.
  secureOptions: constants.SSL_OP_NO_TICKET,
}
