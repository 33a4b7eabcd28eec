// What the checker says when a promise was broken.

export const FINDING_KINDS = [
  'lost',
  'duplicate',
  'order',
  'session-lie',
  'retained',
  'came-back',
  'will',
  'corrupt',
  'unknown-message',
  'broker-fault',
] as const

export type FindingKind = (typeof FINDING_KINDS)[number]

export interface Finding {
  readonly kind: FindingKind
  /** Line of the ledger at which it showed. */
  readonly at: number
  readonly sentence: string
}

export type Report = (kind: FindingKind, sentence: string) => void
