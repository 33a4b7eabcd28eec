// The grammar of topic names and topic filters (5.0, section 4.7) and of shared subscriptions (4.8.2).
// On the path of a message these functions do not split, slice or recurse.

const NULL = 0x00
const HASH = 0x23
const PLUS = 0x2b
const SLASH = 0x2f
const SHARE_PREFIX = '$share/'
/** Topic trees that only the broker publishes to. Clients may use other topics that begin with `$`. */
const RESERVED_TREES = new Set([
  '$SYS',
  '$share',
  '$queue',
  '$delayed',
  '$tx',
  '$CONTROL',
  '$retained-complete',
])
/** Topics at which bridged brokers publish whether they are connected, as mosquitto's bridges do. */
const BRIDGE_STATE = /^\$SYS\/broker\/connection\/[^/]+\/state$/

interface ParsedFilter {
  /** Null for a plain subscription. */
  readonly shareName: string | null
  /** The filter without `$share/name/`, which topics are matched with. */
  readonly topicFilter: string
}

/** Whether the text is a valid topic name. The codec checks its length in bytes. */
export function isTopicName(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    // [MQTT-4.7.0-1], [MQTT-4.7.3-2]
    if (code === PLUS || code === HASH || code === NULL) return false
  }
  return text.length > 0 // [MQTT-4.7.3-1]
}

/** Whether the text is a valid topic filter. It does not interpret `$share`: see `parseFilter`. */
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

/** Returns the number of levels. Levels may be empty: `/` has two. */
export function levelCount(text: string): number {
  let count = 1
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) === SLASH) count++
  }
  return count
}

/** Returns the end of the level that starts at `start`: the offset of its separator, or the length for the last level. */
export function levelEnd(text: string, start: number): number {
  const slash = text.indexOf('/', start)
  return slash === -1 ? text.length : slash
}

/** Parses a filter that a client sent; null when it is not valid. */
export function parseFilter(filter: string): ParsedFilter | null {
  if (!filter.startsWith(SHARE_PREFIX)) {
    return isTopicFilter(filter) ? { shareName: null, topicFilter: filter } : null
  }
  const end = levelEnd(filter, SHARE_PREFIX.length)
  const shareName = filter.slice(SHARE_PREFIX.length, end)
  const topicFilter = filter.slice(end + 1)
  // The name ends at the first `/`, so it contains none [MQTT-4.8.2-1]. It must not contain wildcards [MQTT-4.8.2-2].
  if (!isTopicName(shareName) || !isTopicFilter(topicFilter)) return null
  return { shareName, topicFilter }
}

/** Whether the filter (without `$share/name/`) matches the topic. Both must be well formed. */
export function topicMatches(filter: string, topic: string): boolean {
  if (isHiddenFromWildcards(topic) && startsWithWildcard(filter)) return false // [MQTT-4.7.2-1]
  return restMatches(filter, 0, topic, 0)
}

/** Whether the topic begins with `$`, so that leading wildcards do not match it. */
export function isHiddenFromWildcards(topic: string): boolean {
  return topic.startsWith('$')
}

/** Whether only the broker itself may publish to it. */
export function isReserved(topic: string): boolean {
  if (!topic.startsWith('$')) return false
  return RESERVED_TREES.has(topic.slice(0, levelEnd(topic, 0))) && !BRIDGE_STATE.test(topic)
}

/**
 * Whether the filter belongs to the tree in which a client subscribes to be told that its retained messages were all sent:
 * `$retained-complete/TOKEN`.
 */
export function isRetainedComplete(topicFilter: string): boolean {
  return topicFilter.startsWith('$retained-complete') && levelEnd(topicFilter, 0) === 18
}

/** Whether the topic or filter is one of `$tx`, well formed or not. */
export function isOfTransactions(text: string): boolean {
  return text.startsWith('$tx/') || text === '$tx'
}

export function startsWithWildcard(filter: string): boolean {
  const code = filter.charCodeAt(0)
  return code === HASH || code === PLUS
}

/**
 * Whether the levels of the filter from `filterStart` match those of the topic from `topicStart`. A start beyond the
 * length means that no level is left.
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

/** Returns the length of the level that starts in both texts, or -1 when the levels differ. */
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
