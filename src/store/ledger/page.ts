// Selects the deliveries of a page.

import { BEGUN } from './delivery-options.ts'
import type { DeliveryQueue, QueuedEntry } from './delivery-queue.ts'
import type { Ledger } from './ledger.ts'

export interface PageBounds {
  readonly pageMessages: number
  /** The most bytes of topics, payloads and properties. */
  readonly pageBytes: number
}

export function pageOf(
  waiting: DeliveryQueue,
  after: number,
  ledger: Ledger,
  bounds: PageBounds,
): readonly QueuedEntry[] {
  const page: QueuedEntry[] = []
  let bytes = 0
  for (const entry of waiting.after(after)) {
    if ((entry.options & BEGUN) !== 0) continue
    page.push(entry)
    bytes += ledger.messages.sizeOf(entry.slot)
    if (page.length >= bounds.pageMessages || bytes >= bounds.pageBytes) break
  }
  return page
}
