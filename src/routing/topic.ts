// The grammar of topic names and topic filters (5.0, section 4.7) and of shared subscriptions (4.8.2).
// Text is looked at where it lies: nothing here splits, slices or recurses on the way of a message.

const NULL = 0x00
const HASH = 0x23
const PLUS = 0x2b
const SLASH = 0x2f
const SHARE_PREFIX = '$share/'
/** Trees that the broker keeps for itself; other topics that begin with `$` are a client's as any other. */
const RESERVED_TREES = new Set([
  '$SYS',
  '$share',
  '$queue',
  '$delayed',
  '$tx',
  '$CONTROL',
  '$retained-complete',
])
/** Where brokers that are bridged to this one say whether they are connected, as mosquitto's do. */
const BRIDGE_STATE = /^\$SYS\/broker\/connection\/[^/]+\/state$/

interface ParsedFilter {
  /** Null for a filter that is not shared. */
  readonly shareName: string | null
  /** What topics are matched with: without `$share/name/`. */
  readonly topicFilter: string
}

/** Whether a message can be published to it; its length in bytes is the codec's matter. */
export function isTopicName(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    // [MQTT-4.7.0-1], [MQTT-4.7.3-2]
    if (code === PLUS || code === HASH || code === NULL) return false
  }
  return text.length > 0 // [MQTT-4.7.3-1]
}

/** Whether it can be subscribed to; `$share` has no meaning here, see `parseFilter`. */
export function isTopicFilter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === NULL) return false // [MQTT-4.7.3-2]
    if (code === HASH && index !== text.length - 1) return false // [MQTT-4.7.1-1]
    if ((code === HASH || code === PLUS) && !isAloneInLevel(text, index)) return false // [MQTT-4.7.1-2]
  }
  return text.length > 0 // [MQTT-4.7.3-1]
}

function isAloneInLevel(text: string, index: number): boolean {
  const opens = index === 0 || text.charCodeAt(index - 1) === SLASH
  const closes = index === text.length - 1 || text.charCodeAt(index + 1) === SLASH
  return opens && closes
}

export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#')
}

/** Levels may be empty: `/` has two. */
export function levelCount(text: string): number {
  let count = 1
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) === SLASH) count++
  }
  return count
}

/** The place of the separator that ends the level which starts at `start`; the length for the last level. */
export function levelEnd(text: string, start: number): number {
  const slash = text.indexOf('/', start)
  return slash === -1 ? text.length : slash
}

/** Takes a filter apart that a client sent; null when the grammar forbids it. */
export function parseFilter(filter: string): ParsedFilter | null {
  if (!filter.startsWith(SHARE_PREFIX)) {
    return isTopicFilter(filter) ? { shareName: null, topicFilter: filter } : null
  }
  const end = levelEnd(filter, SHARE_PREFIX.length)
  const shareName = filter.slice(SHARE_PREFIX.length, end)
  const topicFilter = filter.slice(end + 1)
  // A name ends at its first `/`, so it holds none [MQTT-4.8.2-1]; nor any wildcard [MQTT-4.8.2-2].
  if (!isTopicName(shareName) || !isTopicFilter(topicFilter)) return null
  return { shareName, topicFilter }
}

/** Whether the filter (without `$share/name/`) matches the topic; both are taken to be well formed. */
export function topicMatches(filter: string, topic: string): boolean {
  if (isHiddenFromWildcards(topic) && startsWithWildcard(filter)) return false // [MQTT-4.7.2-1]
  return restMatches(filter, 0, topic, 0)
}

/** `$SYS/...` and the like. */
export function isHiddenFromWildcards(topic: string): boolean {
  return topic.startsWith('$')
}

/** Whether only the broker itself may publish to it. */
export function isReserved(topic: string): boolean {
  if (!topic.startsWith('$')) return false
  return RESERVED_TREES.has(topic.slice(0, levelEnd(topic, 0))) && !BRIDGE_STATE.test(topic)
}

export function startsWithWildcard(filter: string): boolean {
  const code = filter.charCodeAt(0)
  return code === HASH || code === PLUS
}

/**
 * Whether the levels of the filter from `filterStart` match those of the topic from `topicStart`. A start
 * beyond the length says that no level is left.
 */
export function restMatches(
  filter: string,
  filterStart: number,
  topic: string,
  topicStart: number,
): boolean {
  let filterAt = filterStart
  let topicAt = topicStart
  while (filterAt <= filter.length) {
    const code = filter.charCodeAt(filterAt)
    if (code === HASH) return true // also the parent level: `a/#` matches `a`
    if (topicAt > topic.length) return false
    if (code === PLUS) {
      filterAt += 2
      topicAt = levelEnd(topic, topicAt) + 1
    } else {
      const length = sameLevelLength(filter, filterAt, topic, topicAt)
      if (length === -1) return false
      filterAt += length + 1
      topicAt += length + 1
    }
  }
  return topicAt > topic.length
}

/** The length of the level that starts in both texts, or -1 when the two levels differ. */
function sameLevelLength(
  filter: string,
  filterStart: number,
  topic: string,
  topicStart: number,
): number {
  for (let length = 0; ; length++) {
    const filterAt = filterStart + length
    const topicAt = topicStart + length
    const filterCode = filterAt < filter.length ? filter.charCodeAt(filterAt) : SLASH
    const topicCode = topicAt < topic.length ? topic.charCodeAt(topicAt) : SLASH
    if (filterCode !== topicCode) return -1
    if (filterCode === SLASH) return length
  }
}
