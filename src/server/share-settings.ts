// The configuration's `share` section, as the broker asks for it.

import type { ShareSettings } from '../broker/share-groups.ts'
import type { Config } from '../config/config-types.ts'

/** `random` gives numbers from 0 up to 1. */
export function shareSettingsOf(config: Config, random: () => number): ShareSettings {
  const { share, limits } = config
  const groupOf = (shareName: string, topicFilter: string) =>
    share.groups[`${shareName}/${topicFilter}`] ?? share.groups[shareName]
  return {
    bounds: {
      messagesMax: share.queuedMessagesMax,
      bytesMax: share.queuedBytesMax,
      overflow: limits.queueOverflow,
    },
    strategyOf: (shareName, topicFilter) => groupOf(shareName, topicFilter)?.strategy ?? null,
    weightOf: (shareName, topicFilter, clientId) =>
      groupOf(shareName, topicFilter)?.weights?.[clientId] ?? null,
    defaultStrategy: share.strategy,
    random,
  }
}
