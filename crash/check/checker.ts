// Reads the event log line by line and checks what the broker guarantees.

import type { LoggedEvent } from '../event.ts'
import { FILLER } from '../queues.ts'
import { DeliveryCheck } from './delivery-check.ts'
import { type Finding, FINDING_KINDS, type FindingKind } from './finding.ts'
import { MessageTable } from './message-table.ts'
import { QueueCheck } from './queue-check.ts'
import { RetainedCheck } from './retained-check.ts'
import { SessionCheck } from './session-check.ts'
import { TransactionCheck } from './transaction-check.ts'
import { WillCheck } from './will-check.ts'

/** Beyond this number findings are only counted. A broker that stores nothing would otherwise fill the memory. */
const SENTENCES_MAX = 1_000

export class Checker {
  readonly messages = new MessageTable()
  readonly deliveries: DeliveryCheck
  readonly retained: RetainedCheck
  readonly wills: WillCheck
  readonly queues: QueueCheck
  readonly transactions: TransactionCheck
  readonly findings: Finding[] = []
  readonly #sessions: SessionCheck
  readonly #counts = new Map<FindingKind, number>(FINDING_KINDS.map(kind => [kind, 0]))
  #at = 0

  constructor() {
    const report = (kind: FindingKind, sentence: string): void => this.report(kind, sentence)
    this.deliveries = new DeliveryCheck(this.messages, report)
    this.retained = new RetainedCheck(report)
    this.wills = new WillCheck(report)
    this.queues = new QueueCheck(report)
    this.transactions = new TransactionCheck(report)
    this.#sessions = new SessionCheck(report)
  }

  get lines(): number {
    return this.#at
  }

  /** Returns the number of findings, of this kind or of all kinds. */
  count(kind?: FindingKind): number {
    if (kind !== undefined) return this.#counts.get(kind) ?? 0
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  /** `atMs`: when it happened, by any clock. */
  see(event: LoggedEvent, atMs = 0): void {
    this.#at += 1
    this.transactions.see(event, this.#at)
    if (this.transactions.owns(event)) return
    this.queues.see(event, this.#at, atMs)
    if (isOfFiller(event)) return
    this.messages.see(event, this.#at)
    this.#sessions.see(event)
    this.retained.see(event, this.#at)
    this.wills.see(event)
    this.deliveries.see(event, this.#at)
  }

  report(kind: FindingKind, sentence: string): void {
    this.#counts.set(kind, this.count(kind) + 1)
    if (this.findings.length < SENTENCES_MAX) this.findings.push({ kind, at: this.#at, sentence })
  }

  /** Whether all subscribers have received everything that they must. */
  get isSettled(): boolean {
    return (
      this.wills.missing().length === 0 &&
      this.deliveries.missing().length === 0 &&
      this.queues.missing().length === 0 &&
      this.transactions.missing().length === 0 &&
      this.transactions.results.missing().length === 0
    )
  }
}

function isOfFiller(event: LoggedEvent): boolean {
  return 'publisher' in event && event.publisher.startsWith(FILLER)
}
