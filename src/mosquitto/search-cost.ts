// Which subscriptions of a database this broker would refuse, because they make the search for a topic dear. mosquitto lets clients have them.

import { DEFAULT_LIMITS } from '../limits.ts'
import type { FilterShapes } from '../routing/filter-shapes.ts'
import { ShareGroupCounts } from '../routing/share-group-counts.ts'
import type { Subscription } from '../routing/subscription.ts'
import { levelCount } from '../routing/topic.ts'

const { topicLevelsMax, filterShapesPerClientMax, shareGroupsPerTopicMax } = DEFAULT_LIMITS

export class SearchCost {
  readonly #shapes: FilterShapes
  readonly #groupCounts = new ShareGroupCounts()
  readonly #groups = new Set<string>()

  /** The shapes are those of the router that all subscriptions are added to. */
  constructor(shapes: FilterShapes) {
    this.#shapes = shapes
  }

  /** Counts the subscription, unless it exceeds the limits. Returns whether it does not. */
  takes(clientId: string, { topicFilter, shareName }: Subscription): boolean {
    if (levelCount(topicFilter) > topicLevelsMax) return false
    if (this.#shapes.limitFor(clientId, topicFilter, filterShapesPerClientMax) !== null)
      return false
    if (shareName === null) return true
    const group = `${shareName}/${topicFilter}`
    if (this.#groups.has(group)) return true
    if (!this.#groupCounts.hasRoomFor(topicFilter, clientId, shareGroupsPerTopicMax)) return false
    this.#groupCounts.add(topicFilter, clientId)
    this.#groups.add(group)
    return true
  }
}
