// The brokers that a message has passed, in a user property of MQTT 5: where bridges join brokers in a ring, it ends there.

import { NO_PROPERTIES, type Properties } from '../packet/packet.ts'

export const PATH_PROPERTY = 'pondhawk-bridge-path'

/** The most crossings of one message, so that a path has a bound also where brokers get a new identifier on the way. */
const CROSSINGS_MAX = 32
/** Of a text that claims to be a path: 32 crossings have 415. */
const PATH_CHARACTERS_MAX = 512
/** What a path may add to a packet. */
export const PATH_BYTES_MAX = PATH_CHARACTERS_MAX + PATH_PROPERTY.length + 16

/** How one bridge keeps paths. */
export interface Paths {
  /** What this broker is called in them. */
  readonly brokerId: string
  /** The most user properties that a message may have, with its path. */
  readonly userPropertiesMax: number
  /** Whether properties arrive at the other broker. */
  readonly arriveThere: boolean
}

/** User properties of a PUBLISH that steer the broker it is for. To the next broker they would be those of the bridge. */
const STEERING: ReadonlySet<string> = new Set(['$tx', '$message-id'])

/** What belongs to the message, and not to the connection that it came on. */
export function carried(properties: Properties): Properties {
  if (properties === NO_PROPERTIES) return properties
  const { subscriptionIdentifiers: _, topicAlias: __, ...rest } = properties
  const { userProperties } = rest
  if (userProperties?.some(([name]) => STEERING.has(name)) !== true) return rest
  return { ...rest, userProperties: userProperties.filter(([name]) => !STEERING.has(name)) }
}

/**
 * Returns the properties with one more crossing, or null if the message has come back or crosses too often. `out` is from this broker
 * to another one. What has come `in` may go out by another bridge; what has left may neither come in nor leave again.
 */
export function crossed(
  properties: Properties,
  brokerId: string,
  direction: 'in' | 'out',
): Properties | null {
  const pairs = properties.userProperties ?? []
  const path = pairs.filter(([name]) => name === PATH_PROPERTY).map(([, value]) => value)
  const text = path.join(' ')
  if (text.length > PATH_CHARACTERS_MAX) return null
  const crossings = text === '' ? [] : text.split(' ')
  const isBack =
    crossings.includes(`out:${brokerId}`) ||
    (direction === 'in' && crossings.includes(`in:${brokerId}`))
  if (isBack || crossings.length >= CROSSINGS_MAX) return null
  const others = path.length === 0 ? pairs : pairs.filter(([name]) => name !== PATH_PROPERTY)
  const value = [...crossings, `${direction}:${brokerId}`].join(' ')
  return { ...properties, userProperties: [...others, [PATH_PROPERTY, value]] }
}
