// The default bounds of memory, computed from the heap of Node and the memory of the system.

import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { Limits } from '../limits.ts'

const MEBIBYTE = 1_048_576
/** The heap that the broker itself needs, with the three semi-spaces of the young generation. */
const OWN_BYTES = 76 * MEBIBYTE
const HEAP_BYTES_MIN = 8 * MEBIBYTE
const BUFFER_BYTES_MIN = 32 * MEBIBYTE

interface Memory {
  /** The heap limit of this process: see `--max-old-space-size`. */
  readonly heapBytesMax: number
  /** The memory of the system or container. */
  readonly systemBytes: number
}

export function memoryHere(): Memory {
  const constrained = process.constrainedMemory()
  // Without a constraint it is 0 or the largest number of 64 bits.
  const systemBytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  return { heapBytesMax: getHeapStatistics().heap_size_limit, systemBytes }
}

/** The limits with the two that depend on the machine. */
export function withMemoryBounds(limits: Limits, memory: Memory = memoryHere()): Limits {
  // The other half is for work in progress and for the garbage collector.
  const heap = Math.max(HEAP_BYTES_MIN, Math.floor((memory.heapBytesMax - OWN_BYTES) / 2))
  const keptHeapBytesMax = limits.keptHeapBytesMax === 0 ? heap : limits.keptHeapBytesMax
  // The store's thread keeps topics and filters as well.
  const left = memory.systemBytes - 2 * keptHeapBytesMax
  const buffers = Math.max(BUFFER_BYTES_MIN, Math.floor(left / 2))
  const keptBufferBytesMax = limits.keptBufferBytesMax === 0 ? buffers : limits.keptBufferBytesMax
  return { ...limits, keptHeapBytesMax, keptBufferBytesMax }
}

/** The heap has about a quarter of the memory of timelines: their index and their texts. */
const TIMELINES_PART = 1 / 8

/** Returns how much memory timelines may have. */
export function timelineBytesMaxOf(configured: number): number {
  return Math.min(configured, Math.floor(memoryHere().heapBytesMax * TIMELINES_PART))
}
