// The configuration's `share` section, in the form that the broker uses.

import type { ShareSettings } from '../broker/share-groups.ts'
import type { Config } from '../config/config-types.ts'

/** `random` returns numbers from 0 up to, but not including, 1. */
export function shareSettingsOf(config: Config, random: () => number): ShareSettings {
  const { share, limits } = config
  // Names from clients are looked up in maps, because an object also has members such as `constructor`.
  const groups = new Map(
    Object.entries(share.groups).map(([name, { strategy, weights }]) => [
      name,
      { strategy, weights: new Map(Object.entries(weights ?? {})) },
    ]),
  )
  const groupOf = (shareName: string, topicFilter: string) =>
    groups.get(`${shareName}/${topicFilter}`) ?? groups.get(shareName)
  return {
    bounds: {
      queuedMessagesMax: share.queuedMessagesMax,
      queuedBytesMax: share.queuedBytesMax,
      queueOverflow: share.queueOverflow ?? limits.queueOverflow,
    },
    strategyOf: (shareName, topicFilter) => groupOf(shareName, topicFilter)?.strategy ?? null,
    weightOf: (shareName, topicFilter, clientId) =>
      groupOf(shareName, topicFilter)?.weights.get(clientId) ?? null,
    defaultStrategy: share.strategy,
    random,
  }
}
