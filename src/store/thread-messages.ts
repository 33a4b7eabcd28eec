// The messages between the broker's thread and the store's. Commits go through shared memory, because they are frequent.
// Everything else is a message.

import type { MessagePort } from 'node:worker_threads'
import type { ClockReport } from './broker-clock.ts'
import type { Owner } from './change.ts'
import type { LogStoreOptions } from './log/log-store.ts'
import type { MachineTime } from './machine-time.ts'

/** The indexes of numbers in shared memory. */
export const BELL = 0
/** The size of the records that wait to be committed; 0 for none. */
export const COMMIT_BYTES = 1
/** 1 while the store is full. */
export const FULL = 2
/** The number of snapshot parts that the broker has read. */
export const PARTS_READ = 3
export const CONTROL_BYTES = 16

export interface ThreadSetup {
  readonly directory: string
  readonly options: LogStoreOptions
  readonly time: MachineTime
  readonly port: MessagePort
  readonly control: SharedArrayBuffer
  readonly memory: SharedArrayBuffer
}

export type Order =
  /** New shared memory, because a commit is larger than the old one. */
  | { readonly kind: 'memory'; readonly memory: SharedArrayBuffer }
  | { readonly kind: 'page'; readonly id: number; readonly owner: Owner; readonly after: number }
  | { readonly kind: 'close' }

export interface OpeningReport {
  readonly cut: { readonly file: string; readonly offset: number } | null
  readonly clock: ClockReport
}

export type Report =
  | { readonly kind: 'snapshot'; readonly bytes: Uint8Array }
  | ({ readonly kind: 'opened' } & OpeningReport)
  | { readonly kind: 'committed' }
  | { readonly kind: 'page'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'closed' }
  /** The last message. */
  | { readonly kind: 'failed'; readonly error: Error; readonly code: string | null }
