// What the process may have: descriptors, heap, and the Node that runs it.

import { getHeapStatistics } from 'node:v8'
import { socketBound } from '../../server/descriptors.ts'
import { type Finding, fine, warning } from './finding.ts'

const MEBIBYTE = 1_048_576
const SMALL_HEAP_BYTES = 512 * MEBIBYTE
/** Node 20 is not maintained any more. */
const OLD_NODE = 22

export function machineFindings(listeners: number, connectionsMax: number = 0): readonly Finding[] {
  return [descriptorFinding(listeners, connectionsMax), heapFinding(), nodeFinding()]
}

function descriptorFinding(listeners: number, connectionsMax: number): Finding {
  const bound = socketBound(listeners)
  if (bound === null) return fine('descriptors', 'this system does not tell how many there are')
  const { limit, socketsMax } = bound
  const sentence = `a process may open ${limit.toLocaleString('en')}`
  if (socketsMax >= connectionsMax) return fine('descriptors', sentence)
  return warning(
    'descriptors',
    `${sentence}, which is room for ${socketsMax.toLocaleString('en')} of ${connectionsMax.toLocaleString('en')} connections`,
    'ulimit -n, or LimitNOFILE= of the systemd unit; or lower limits.connectionsMax',
  )
}

function heapFinding(): Finding {
  const heap = getHeapStatistics().heap_size_limit
  // Undefined or 0 where no container bounds the memory.
  const allowed = process.constrainedMemory()
  const sentence = `the heap of Node may grow to ${Math.round(heap / MEBIBYTE).toLocaleString('en')} MiB`
  const isBound = allowed > 0 && allowed < Number.MAX_SAFE_INTEGER
  if (isBound && heap > allowed * 0.8) {
    return warning(
      'memory',
      `${sentence}, and this container may have ${Math.round(allowed / MEBIBYTE).toLocaleString('en')} MiB in all`,
      `start it with NODE_OPTIONS=--max-old-space-size=${Math.round((allowed * 0.6) / MEBIBYTE)}`,
    )
  }
  if (heap >= SMALL_HEAP_BYTES) return fine('memory', sentence)
  return warning(
    'memory',
    `${sentence}, which is room for some thousand clients`,
    'NODE_OPTIONS=--max-old-space-size=2048',
  )
}

function nodeFinding(): Finding {
  const { version } = process
  if (Number(/^v(\d+)/.exec(version)?.[1]) >= OLD_NODE) return fine('node', version)
  return warning('node', `${version} gets no security fixes any more`, 'install Node 22 or newer')
}
