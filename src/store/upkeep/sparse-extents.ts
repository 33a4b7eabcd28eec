// Selects the extents of a log of which little is needed.

import type { Ledger } from '../ledger/ledger.ts'
import type { Extent } from '../log-device.ts'

/** The bytes of a message in the log besides topic, payload and properties. */
export const RECORD_BYTES = 64

/** The conditions for emptying an extent. */
export interface CompactionPlan {
  /** At most this part of it is needed. */
  readonly neededPartMax: number
  /** At most this many bytes are moved. */
  readonly moveBytesMax: number
  /** A smaller extent counts as having this size, because few large ones are better than many small ones. */
  readonly sizeMin: number
}

interface SparseExtents {
  readonly numbers: ReadonlySet<number>
  /** Their size, without the bytes that are moved. */
  readonly gainBytes: number
}

/** Selects the extents to empty, and those without needed messages. */
export function sparseExtents(
  ledger: Ledger,
  extents: readonly Extent[],
  plan: CompactionPlan,
): SparseExtents {
  const sparse = new Set<number>()
  let moveBytesLeft = plan.moveBytesMax
  let gainBytes = 0
  for (const extent of extents) {
    const needed = neededBytes(ledger, extent)
    const size = Math.max(extent.bytes, plan.sizeMin)
    if (needed > size * plan.neededPartMax || needed > moveBytesLeft) continue
    moveBytesLeft -= needed
    gainBytes += extent.bytes - needed
    sparse.add(extent.number)
  }
  return { numbers: sparse, gainBytes }
}

/** Returns the bytes of the needed messages in an extent. */
export function neededBytes(ledger: Ledger, { number }: Extent): number {
  const use = ledger.messages.useOf(number)
  return use === undefined ? 0 : use.bytes + use.messages * RECORD_BYTES
}
