// Hashes of texts that decide where something belongs. They must never change: what is stored was placed by them.

/** FNV-1a over UTF-16 units. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash
}

/** Mixes all bits of the hash; the result is from 0 up to 2^32 - 1 (the finalizer of MurmurHash3). */
export function mixed(hash: number): number {
  let bits = hash | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
