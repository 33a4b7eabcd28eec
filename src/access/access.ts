// The port to authentication. It may answer later. The permissions that it returns must answer at once.

import type { ConnectPacket } from '../packet/packet.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { Identity } from './identity.ts'
import type { Permissions } from './permissions.ts'

export interface Credentials {
  readonly clientId: string
  readonly username: string | null
  readonly password: Buffer | null
  readonly address: string
  readonly transport: string
  /** Whether the listener refuses clients without a user name. Left out: no. */
  readonly requiresUser?: boolean
  /** The realm of a listener that has users of its own: see `realm.ts`. Left out or null: none. */
  readonly realm?: string | null
  readonly certificate: ClientCertificate | null
  /** The identity of the pre-shared key that TLS has verified. Left out or null: none. */
  readonly pskIdentity?: string | null
}

/** Of a client certificate that was verified. */
export interface ClientCertificate {
  /** Empty where there is none, or several. */
  readonly commonName: string
  /** The names, mail addresses and URIs among its alternative names. */
  readonly subjectAltNames: readonly string[]
  /** SHA-256, as pairs of hexadecimal digits with colons. */
  readonly fingerprint: string
  /** When it expires, in milliseconds since 1970. Its client is disconnected then. */
  readonly validTo?: number
  /** Issuer and serial number of it and of the authorities above it, as lists of revoked certificates name them. */
  readonly issuedAs?: readonly string[]
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
       * The user of the client. If it is left out, it is the user name of CONNECT. For a client with a certificate or enhanced
       * authentication there is no user then, because the user name may belong to another user.
       */
      readonly username?: string | null
      /** How the user was authenticated, as one word; `none` for not at all. If left out: by password, certificate or method. */
      readonly authentication?: string
      /** After this many milliseconds the rights end, and the client is disconnected (0x87). If left out: they do not end. */
      readonly validForMs?: number
      /** The final data of an enhanced authentication, sent with CONNACK or AUTH. */
      readonly data?: Buffer
    }
  | { readonly kind: 'refused'; readonly reason: ReasonCode; readonly sentence: string }
  /** Enhanced authentication continues: AUTH with this data is sent to the client. */
  | { readonly kind: 'continue'; readonly data: Buffer | null }

/** One enhanced authentication, from CONNECT or a re-authentication to its verdict. */
export interface Exchange {
  step(step: AuthenticationStep): Verdict | Promise<Verdict>
}

/** The connection that CONNECT came on, for hooks. */
export interface Connecting {
  readonly connect: ConnectPacket
  /** The far end, one object for each connection. */
  readonly peer: object
}

export interface Access {
  /** `connecting` is left out when no client waits. */
  authenticate(credentials: Credentials, connecting?: Connecting): Verdict | Promise<Verdict>
  /** Null for an unsupported method, which is refused with 0x8C [MQTT-4.12.0-1]. */
  beginExchange(method: string, credentials: Credentials, connecting?: Connecting): Exchange | null
  /**
   * Returns at once the permissions of a client that was allowed in an earlier run and is not connected. They apply to its will
   * and to deliveries to its session. Null for an unknown client, which has no rights.
   */
  permissionsOf(identity: Identity): Permissions | null
  /**
   * Returns at once the present permissions of the publisher of a retained message, which is delivered only if it may still publish
   * there. Null if nothing is known of it. If it is left out, publishers of retained messages are not asked about.
   */
  authorRights?(identity: Identity): Permissions | null
  /** Returns the rights that a client has as this user, however it was authenticated. If it is left out: all. */
  rightsOf?(client: Pick<Identity, 'clientId' | 'address'>, username: string | null): Permissions
}
