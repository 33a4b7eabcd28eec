// Statements that no test of a server can show, each with its reason.

import type { Version } from './matrix.ts'

export interface ClientOnly {
  readonly id: string
  readonly version: Version
  readonly reason: string
}

export const clientOnly: readonly ClientOnly[] = []
