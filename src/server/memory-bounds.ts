// How much clients may make the broker keep, where the configuration does not say: what Node and the system allow.

import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { Limits } from '../limits.ts'

const MEBIBYTE = 1_048_576
/** What the broker needs itself, and the three halves of the young generation that count as heap. */
const OWN_BYTES = 72 * MEBIBYTE
const HEAP_BYTES_MIN = 8 * MEBIBYTE
const BUFFER_BYTES_MIN = 32 * MEBIBYTE

export interface Memory {
  /** Of this process: what `--max-old-space-size` bounds. */
  readonly heapBytesMax: number
  /** Of the system, or of the container. */
  readonly systemBytes: number
}

export function memoryHere(): Memory {
  const constrained = process.constrainedMemory()
  // Where nothing constrains it, that is 0 or as much as 64 bits can say.
  const systemBytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  return { heapBytesMax: getHeapStatistics().heap_size_limit, systemBytes }
}

/** The limits with the two that depend on the machine. */
export function withMemoryBounds(limits: Limits, memory: Memory = memoryHere()): Limits {
  // The other half is for what is on its way, and for the collector, which needs room to move.
  const heap = Math.max(HEAP_BYTES_MIN, Math.floor((memory.heapBytesMax - OWN_BYTES) / 2))
  const keptHeapBytesMax = limits.keptHeapBytesMax === 0 ? heap : limits.keptHeapBytesMax
  // The store's thread keeps topics and filters as well.
  const left = memory.systemBytes - 2 * keptHeapBytesMax
  const buffers = Math.max(BUFFER_BYTES_MIN, Math.floor(left / 2))
  const keptBufferBytesMax = limits.keptBufferBytesMax === 0 ? buffers : limits.keptBufferBytesMax
  return { ...limits, keptHeapBytesMax, keptBufferBytesMax }
}
