// The findings of the checker: violations of what the broker guarantees.

export const FINDING_KINDS = [
  'lost',
  'duplicate',
  'order',
  'session-lie',
  'retained',
  'came-back',
  'will',
  'queue-lost',
  'queue-again',
  'queue-order',
  'dead-letter',
  'early',
  'transaction-torn',
  'transaction-answer',
  'transaction-order',
  'result-lost',
  'result-again',
  'corrupt',
  'unknown-message',
  'broker-fault',
] as const

export type FindingKind = (typeof FINDING_KINDS)[number]

export interface Finding {
  readonly kind: FindingKind
  /** The line of the event log at which it was found. */
  readonly at: number
  readonly sentence: string
}

export type Report = (kind: FindingKind, sentence: string) => void
