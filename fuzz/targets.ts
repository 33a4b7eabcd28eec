// All targets, by name.

import { PacketTarget } from './packet/packet-target.ts'
import { SequenceTarget } from './sequences/sequence-target.ts'
import type { Target } from './target.ts'

export const TARGETS: Readonly<Record<string, () => Target>> = {
  packets: () => new PacketTarget(),
  sequences: () => new SequenceTarget(),
}
