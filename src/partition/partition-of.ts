// Which partition a client belongs to. It must never change: sessions are stored there.

/** Returns a number below `count`. */
export function partitionOf(clientId: string, count: number): number {
  // FNV-1a over UTF-16 units, and the finalizer of MurmurHash3, so that similar client ids are spread as well.
  let hash = 0x811c9dc5
  for (let index = 0; index < clientId.length; index++) {
    hash = Math.imul(hash ^ clientId.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % count
}
