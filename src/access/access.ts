// The port to who may come in. It may take its time; what comes back answers every later question at once.

import type { ReasonCode } from '../packet/reason.ts'
import type { Identity } from './identity.ts'
import type { Permissions } from './permissions.ts'

export interface Credentials {
  readonly clientId: string
  readonly username: string | null
  readonly password: Buffer | null
  readonly address: string
  readonly transport: string
  readonly certificate: { readonly commonName: string; readonly fingerprint: string } | null
}

/** A step of enhanced authentication (5.0, section 4.12): what the client sent, and by which method. */
export interface AuthenticationStep {
  readonly method: string
  readonly data: Buffer | null
}

export type Verdict =
  | {
      readonly kind: 'allowed'
      readonly permissions: Permissions
      /**
       * The user that the client turned out to be. Left out: the one that its CONNECT names, and nobody where it came by a
       * certificate or a method of enhanced authentication, which may be another user's.
       */
      readonly username?: string | null
      /** How that was found out, in a word; `none`: nobody was asked. Left out: by its password, certificate or method. */
      readonly authentication?: string
      /** The last word of an enhanced authentication, sent with CONNACK or AUTH. */
      readonly data?: Buffer
    }
  | { readonly kind: 'refused'; readonly reason: ReasonCode; readonly sentence: string }
  /** Enhanced authentication goes on: the client is sent AUTH with this data. */
  | { readonly kind: 'continue'; readonly data: Buffer | null }

/** One enhanced authentication, from CONNECT or a re-authentication to its verdict. */
export interface Exchange {
  step(step: AuthenticationStep): Verdict | Promise<Verdict>
}

export interface Access {
  authenticate(credentials: Credentials): Verdict | Promise<Verdict>
  /** Null for a method that is not offered: refused with 0x8C [MQTT-4.12.0-1]. */
  beginExchange(method: string, credentials: Credentials): Exchange | null
  /**
   * What a client may do that was let in by an earlier run and is not here to be asked again: its will goes by this, and what
   * comes to its session. Answered at once. Null when it is not known any more: it may do nothing.
   */
  permissionsOf(identity: Identity): Permissions | null
}
