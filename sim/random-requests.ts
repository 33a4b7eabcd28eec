// Random requests of clients: CONNECT, PUBLISH and SUBSCRIBE.

import {
  NO_PROPERTIES,
  type Properties,
  type QoS,
  type SubscriptionRequest,
} from '../src/packet/packet.ts'
import { SHARE_STRATEGY_NAMES } from '../src/routing/share-strategy.ts'
import type { Terms } from './client-connection.ts'
import type { PublishRequest } from './client-packets.ts'
import type { Random } from './random.ts'
import { FORBIDDEN_PREFIX } from './rights.ts'
import type { SimClient } from './sim-client.ts'
import type { WorldSettings } from './world-settings.ts'

/** A subscription that is sent all retained messages. */
export const EVERYTHING: SubscriptionRequest = {
  filter: '#',
  qos: 2,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
}

const LONG_EXPIRY_SECONDS = 86_400
const KEEP_ALIVE_SECONDS = 20

export function termsOf(
  client: SimClient,
  random: Random,
  settings: WorldSettings,
  now: number,
): Terms {
  const cleanStart = client.session.mustStartClean || random.chance(8)
  const request = { ...publishRequestOf(random, settings), topic: random.of(settings.topics) }
  const will = random.chance(3) ? client.composesWill(request) : null
  return {
    version: client.version,
    cleanStart,
    expirySeconds: expiryOf(client, cleanStart, random, settings),
    keepAliveSeconds: random.chance(4) ? KEEP_ALIVE_SECONDS : 0,
    ...receivingTerms(client, random),
    will,
    willDelaySeconds: client.version === 5 ? random.of([0, 0, 3, 40]) : 0,
    sentAt: now,
  }
}

/** The CONNECT of the final phase: the client stays connected and receives everything that is queued for it. */
export function calmTermsOf(
  client: SimClient,
  random: Random,
  settings: WorldSettings,
  now: number,
): Terms {
  const cleanStart = client.session.mustStartClean
  const longest = settings.limits.sessionExpirySecondsMax
  const expirySeconds = client.version === 5 ? LONG_EXPIRY_SECONDS : cleanStart ? 0 : longest
  return {
    version: client.version,
    cleanStart,
    expirySeconds,
    keepAliveSeconds: 0,
    ...receivingTerms(client, random),
    will: null,
    willDelaySeconds: 0,
    sentAt: now,
  }
}

function receivingTerms(
  client: SimClient,
  random: Random,
): Pick<Terms, 'receiveMaximum' | 'topicAliasMaximum'> {
  if (client.version < 5) return { receiveMaximum: 65_535, topicAliasMaximum: 0 }
  return {
    receiveMaximum: random.of([1, 2, 5, 65_535]),
    topicAliasMaximum: random.of([0, 0, 2, 10]),
  }
}

/** Clean Session of 3.1.1 decides both how a session begins and whether it outlives the connection. */
function expiryOf(
  client: SimClient,
  cleanStart: boolean,
  random: Random,
  settings: WorldSettings,
): number {
  if (client.version < 5) return cleanStart ? 0 : settings.limits.sessionExpirySecondsMax
  if (random.chance(6)) return 0
  return random.chance(6) ? settings.shortExpirySeconds : LONG_EXPIRY_SECONDS
}

export function publishRequestOf(random: Random, settings: WorldSettings): PublishRequest {
  const isForbidden = random.chance(40)
  const retain = random.chance(settings.retains)
  const bytes = random.chance(4) ? random.below(settings.largeBytes + 1) : 1
  return {
    topic: isForbidden ? `${FORBIDDEN_PREFIX}x` : random.of(settings.topics),
    qos: random.of<QoS>([0, 1, 1, 2, 2]),
    retain,
    bytes: retain && random.chance(4) ? 0 : Math.max(1, bytes),
    properties: random.chance(4) ? propertiesOf(random, settings) : NO_PROPERTIES,
    usesAlias: random.chance(4),
  }
}

function propertiesOf(random: Random, settings: WorldSettings): Properties {
  return {
    contentType: random.of(['text/plain', 'größe']),
    ...(random.chance(2)
      ? {
          userProperties: [
            ['a', 'b'],
            ['a', `${random.below(10)}`],
          ],
        }
      : {}),
    ...(random.chance(2)
      ? { messageExpiryInterval: random.of(settings.messageExpirySeconds) }
      : {}),
  }
}

export function subscriptionOf(
  client: SimClient,
  random: Random,
  settings: WorldSettings,
): SubscriptionRequest {
  const filter = random.of(settings.filters)
  const isShared = filter.startsWith('$share/')
  const isFive = client.version === 5
  return {
    filter,
    qos: random.of<QoS>([0, 1, 1, 2, 2, 2]),
    noLocal: isFive && !isShared && random.chance(6),
    retainAsPublished: isFive && random.chance(4),
    retainHandling: isFive ? random.of<0 | 1 | 2>([0, 0, 1, 2]) : 0,
  }
}

/** The properties of one SUBSCRIBE: a unique Subscription Identifier, and requests for its share groups. */
export function subscribePropertiesOf(
  client: SimClient,
  random: Random,
  nextIdentifier: () => number,
): Properties {
  if (client.version < 5 || random.chance(3)) return NO_PROPERTIES
  const wishes = [
    ['weight', `${random.between(1, 4)}`],
    ['strategy', random.of(SHARE_STRATEGY_NAMES)],
  ] as const
  return {
    ...(random.chance(2) ? { subscriptionIdentifiers: [nextIdentifier()] } : {}),
    ...(random.chance(3) ? { userProperties: wishes.filter(() => random.chance(2)) } : {}),
  }
}
