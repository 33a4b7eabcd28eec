// What an administrator has set for share groups at run time, in a file of the data folder.

import { KeptList } from '../api/kept-list.ts'
import type { GroupOverride, ShareOverrides } from '../broker/share-overrides.ts'
import { z } from '../config/zod.ts'
import type { Log } from '../observe/log.ts'
import { SHARE_STRATEGY_NAMES } from '../routing/share-strategy.ts'

const FILE = 'share-groups.json'

const entries = z.array(
  z.strictObject({
    shareName: z.string(),
    topicFilter: z.string(),
    where: z.string().exactOptional(),
    strategy: z.enum(SHARE_STRATEGY_NAMES).nullable(),
    members: z.array(
      z.strictObject({
        clientId: z.string(),
        weight: z.int().min(1).max(1_000).nullable(),
        isDrained: z.boolean(),
      }),
    ),
  }),
)

export class ShareFile {
  readonly #overrides: ShareOverrides
  readonly #file: KeptList<GroupOverride>

  constructor(overrides: ShareOverrides, log: Log) {
    this.#overrides = overrides
    const lost = 'what was set for share groups at run time is to be set again'
    this.#file = new KeptList(FILE, lost, entries, log)
  }

  /** Must be called before the groups are restored. The directory must be locked by the store. */
  open(directory: string): void {
    this.#overrides.restore(this.#file.open(directory))
  }

  /** Whether it survives a restart. */
  get isKept(): boolean {
    return this.#file.isKept
  }

  /** Returns false if the file cannot be written. */
  keep(): boolean {
    return this.#file.keep(this.#overrides.all)
  }
}
