// What the routes share.

import type { Identity } from '../access/identity.ts'
import type { Approval } from '../access/password/awaited-passwords.ts'
import type { Permissions } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import type { Config } from '../config/config-types.ts'
import type { ConfigOrigin } from '../config/entries.ts'
import type { Commands } from '../loop/commands.ts'
import type { Log } from '../observe/log.ts'
import type { Status } from '../observe/status.ts'
import type { ListenerCertificate } from '../records/alarms.ts'
import type { Records } from '../records/records.ts'
import type { BridgeRow } from './contract/administration.ts'
import type { ApiKeys } from './api-keys.ts'
import type { Idempotency } from './idempotency.ts'
import type { RequestRates } from './request-rates.ts'
import type { Scans } from './scans.ts'
import type { SignIns } from './sign-ins.ts'
import type { Streams } from './stream/streams.ts'

export const PREFIX = '/api/v1'
/** One line of JSON for each entry. */
export const LINES = 'application/x-ndjson'
/** What the log says of a session that was ended. */
export const ENDED = 'an administrator has ended the session'

export interface Backup {
  readonly name: string
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly madeAt: number
  readonly path: string
}

interface Approvals {
  /** Returns why this cannot be done, or null. */
  problemWith(approval: Approval): string | null
  /** Throws EditError or AccessFileError. */
  make(approval: Approval, password: Buffer): Promise<void>
  /** Returns false when too many wait. */
  await(approval: Approval): boolean
  readonly waiting: readonly Approval[]
  /** Returns false when there is none. */
  cancel(client: Omit<Approval, 'rule'>): boolean
}

export interface BackupKeeper {
  readonly all: readonly Backup[]
  /** Resolves with why it was not made, if it was not. */
  make(name: string): Promise<Backup | string>
  /** Returns false when there is none. */
  remove(name: string): boolean
}

/** What the server gives to the API. */
export interface ApiSources {
  readonly core: { readonly broker: Broker; readonly commands: Commands }
  readonly config: Config
  /** Where it was read; null if a program has made it. */
  readonly origin: ConfigOrigin | null
  /** What would prevent a start with this valid configuration, such as a certificate that is not there. */
  readonly configProblems: (config: Config) => Promise<readonly string[]>
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly status: () => Status
  /** What has happened. */
  readonly records: Records
  /** What a client that is not connected may do; null if nothing is known of it. */
  readonly permissionsOf: (identity: Identity) => Permissions | null
  /** What was set for share groups at run time. */
  readonly shareSettings: {
    readonly isKept: boolean
    /** Returns false if it cannot be written. */
    keep(): boolean
  }
  /** Free space on the disk of the store; null if nothing is stored on a disk. */
  readonly storeFreeBytes: () => number | null
  /** The URL of the first web listener, without a slash at its end; null for none. */
  readonly webUrl: () => string | null
  /** Begins to disconnect all clients, over so many seconds at least. Returns how many there are. */
  readonly drain: (seconds: number) => number
  /** Times in milliseconds since 1970. */
  readonly bridges: () => readonly (Omit<BridgeRow, 'since'> & { readonly since: number })[]
  readonly listeners: () => readonly {
    readonly name: string
    readonly port: number
    readonly connectionCount: number
  }[]
  /** The certificate of each file that a listener has. */
  readonly certificates: () => readonly ListenerCertificate[]
  /** Lets refused clients in; null where nobody has a password. */
  readonly approvals: Approvals | null
  /** Reads users, rules and keys again. Throws an error with a sentence when a file is wrong; then nothing changes. */
  readonly reloadAccess: () => void
  readonly reloadCertificates: () => Promise<void>
  /** Null if nothing is stored on a disk. */
  readonly backups: () => BackupKeeper | null
  /** Null if the log is not the broker's own. */
  readonly getLogLevel: () => string | null
  readonly setLogLevel: (level: string) => void
  /** An exception of the API itself. */
  readonly failed: (error: unknown) => void
}

export interface ApiParts extends ApiSources {
  readonly keys: ApiKeys
  readonly signIns: SignIns
  readonly rates: RequestRates
  readonly scans: Scans
  readonly streams: Streams
  readonly idempotency: Idempotency
  readonly isPlainAllowed: boolean
  readonly counters: { requests: number; refused: number; changes: number }
  /** All that is counted in the API. */
  readonly allCounters: () => Readonly<Record<string, number>>
}
