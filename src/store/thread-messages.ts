// What the broker's thread and the store's tell each other. A commit goes through shared memory, for it is what
// happens all the time; the rest are messages.

import type { MessagePort } from 'node:worker_threads'
import type { ClockReport } from './broker-clock.ts'
import type { Owner } from './change.ts'
import type { LogStoreOptions } from './log/log-store.ts'
import type { MachineTime } from './machine-time.ts'

/** Numbers in shared memory. */
export const BELL = 0
/** Bytes of records that wait to be committed; 0 for none. */
export const COMMIT_BYTES = 1
/** 1 while the store is full. */
export const FULL = 2
/** Parts of the snapshot that the broker has read. */
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
  /** A commit is larger than the memory was: this is its memory from now on. */
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
  /** Nothing more will come. */
  | { readonly kind: 'failed'; readonly error: Error; readonly code: string | null }
