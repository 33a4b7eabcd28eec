// What clients are fond of saying: terms of a CONNECT, messages, subscriptions.

import {
  NO_PROPERTIES,
  type Properties,
  type QoS,
  type SubscriptionRequest,
} from '../src/packet/packet.ts'
import { SHARE_STRATEGY_NAMES } from '../src/routing/share-strategy.ts'
import type { Terms } from './client-connection.ts'
import type { Saying } from './client-packets.ts'
import type { Dice } from './dice.ts'
import { FORBIDDEN_PREFIX } from './rights.ts'
import type { SimClient } from './sim-client.ts'
import type { Weather } from './weather.ts'

const LONG_EXPIRY_SECONDS = 86_400
const KEEP_ALIVE_SECONDS = 20

export function termsOf(client: SimClient, dice: Dice, weather: Weather, now: number): Terms {
  const cleanStart = client.session.mustStartClean || dice.chance(8)
  const saying = { ...sayingOf(dice, weather), topic: dice.of(weather.topics) }
  const will = dice.chance(3) ? client.composesWill(saying) : null
  return {
    version: client.version,
    cleanStart,
    expirySeconds: expiryOf(client, cleanStart, dice, weather),
    keepAliveSeconds: dice.chance(4) ? KEEP_ALIVE_SECONDS : 0,
    ...receivingTerms(client, dice),
    will,
    willDelaySeconds: client.version === 5 ? dice.of([0, 0, 3, 40]) : 0,
    sentAt: now,
  }
}

/** As a client comes back in the calm: to stay, and to fetch what it is owed. */
export function calmTermsOf(client: SimClient, dice: Dice, weather: Weather, now: number): Terms {
  const cleanStart = client.session.mustStartClean
  const longest = weather.limits.sessionExpirySecondsMax
  const expirySeconds = client.version === 5 ? LONG_EXPIRY_SECONDS : cleanStart ? 0 : longest
  return {
    version: client.version,
    cleanStart,
    expirySeconds,
    keepAliveSeconds: 0,
    ...receivingTerms(client, dice),
    will: null,
    willDelaySeconds: 0,
    sentAt: now,
  }
}

function receivingTerms(
  client: SimClient,
  dice: Dice,
): Pick<Terms, 'receiveMaximum' | 'topicAliasMaximum'> {
  if (client.version < 5) return { receiveMaximum: 65_535, topicAliasMaximum: 0 }
  return { receiveMaximum: dice.of([1, 2, 5, 65_535]), topicAliasMaximum: dice.of([0, 0, 2, 10]) }
}

/** Clean Session of 3.1.1 says both: how it begins and how it ends. */
function expiryOf(client: SimClient, cleanStart: boolean, dice: Dice, weather: Weather): number {
  if (client.version < 5) return cleanStart ? 0 : weather.limits.sessionExpirySecondsMax
  if (dice.chance(6)) return 0
  return dice.chance(6) ? weather.shortExpirySeconds : LONG_EXPIRY_SECONDS
}

export function sayingOf(dice: Dice, weather: Weather): Saying {
  const isForbidden = dice.chance(40)
  const retain = dice.chance(weather.retains)
  const bytes = dice.chance(4) ? dice.below(weather.largeBytes + 1) : 1
  return {
    topic: isForbidden ? `${FORBIDDEN_PREFIX}x` : dice.of(weather.topics),
    qos: dice.of<QoS>([0, 1, 1, 2, 2]),
    retain,
    bytes: retain && dice.chance(4) ? 0 : Math.max(1, bytes),
    properties: dice.chance(4) ? propertiesOf(dice, weather) : NO_PROPERTIES,
    usesAlias: dice.chance(4),
  }
}

function propertiesOf(dice: Dice, weather: Weather): Properties {
  return {
    contentType: dice.of(['text/plain', 'größe']),
    ...(dice.chance(2)
      ? {
          userProperties: [
            ['a', 'b'],
            ['a', `${dice.below(10)}`],
          ],
        }
      : {}),
    ...(dice.chance(2) ? { messageExpiryInterval: dice.of(weather.messageExpirySeconds) } : {}),
  }
}

export function subscriptionOf(
  client: SimClient,
  dice: Dice,
  weather: Weather,
): SubscriptionRequest {
  const filter = dice.of(weather.filters)
  const isShared = filter.startsWith('$share/')
  const isFive = client.version === 5
  return {
    filter,
    qos: dice.of<QoS>([0, 1, 1, 2, 2, 2]),
    noLocal: isFive && !isShared && dice.chance(6),
    retainAsPublished: isFive && dice.chance(4),
    retainHandling: isFive ? dice.of<0 | 1 | 2>([0, 0, 1, 2]) : 0,
  }
}

/** Of one SUBSCRIBE: an identifier that no other has, and wishes for its share groups. */
export function subscribePropertiesOf(
  client: SimClient,
  dice: Dice,
  nextIdentifier: () => number,
): Properties {
  if (client.version < 5 || dice.chance(3)) return NO_PROPERTIES
  const wishes = [
    ['weight', `${dice.between(1, 4)}`],
    ['strategy', dice.of(SHARE_STRATEGY_NAMES)],
  ] as const
  return {
    ...(dice.chance(2) ? { subscriptionIdentifiers: [nextIdentifier()] } : {}),
    ...(dice.chance(3) ? { userProperties: wishes.filter(() => dice.chance(2)) } : {}),
  }
}
