// Which partition a client id, or a topic with its retained message, belongs to. It must never change: sessions are stored there.

import { mixed, textHash } from '../routing/text-hash.ts'

/** Returns a number below `count`. Similar texts are spread as well. */
export function partitionOf(text: string, count: number): number {
  return mixed(textHash(text)) % count
}
