// Delayed messages of a world. One world in five has some; what is random of them comes from a stream of its own.

import { NO_PROPERTIES, type ProtocolVersion } from '../src/packet/packet.ts'
import type { PublishRequest } from './client-packets.ts'
import type { History, Publication } from './history.ts'
import { Random } from './random.ts'

/** One world in this many has delayed messages. */
const WORLDS = 5
const STREAM = 0x64_65_6c_61
const KEY = '$delay-key'

export class Delays {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** Returns the request, in some cases as that for a delayed message, or for one that cancels another. */
  delayed(request: PublishRequest, version: ProtocolVersion): PublishRequest {
    const random = this.#random
    if (!random.chance(3)) return request
    const delaySeconds = random.of([0, 1, 5, 20])
    const delayed = { ...request, retain: false, properties: NO_PROPERTIES, delaySeconds }
    if (version < 5 || random.chance(2)) return { ...delayed, bytes: Math.max(1, request.bytes) }
    const userProperties = [[KEY, `k${random.below(2)}`]] as const
    return { ...delayed, properties: { userProperties }, isCancelling: random.chance(3) }
  }
}

/** Returns null for a world without delayed messages. */
export function delaysOf(seed: number): Delays | null {
  const random = new Random(seed ^ STREAM)
  return random.chance(WORLDS) ? new Delays(random) : null
}

/** The earliest time at which it may be published, in milliseconds. */
export function dueAtMs({ sentAtMs, delaySeconds }: Publication): number {
  return sentAtMs + (delaySeconds ?? 0) * 1_000
}

/**
 * Whether a later message of its client has its key, or an earlier one of QoS 1, which may come once more on a new connection: then
 * it may never be published.
 */
export function mayBeReplaced(history: History, publication: Publication): boolean {
  return sameKey(history, publication).some(
    each => each.order > publication.order || (each.qos === 1 && each.order < publication.order),
  )
}

/** What was replaced or cancelled in time is never published. */
export function judgeDelays(history: History): void {
  const received = new Set(history.sessions.flatMap(each => [...each.received.keys()]))
  for (const publication of received) {
    const { acceptedAt, id } = publication
    const by = replacing(history, publication).find(
      each =>
        acceptedAt !== null &&
        acceptedAt < each.sentAt &&
        (each.acceptedAtMs ?? Infinity) < dueAtMs(publication),
    )
    if (by !== undefined) {
      history.violation('delayed', `${id} was received, and ${by.id} had taken its place`)
    }
  }
}

function replacing(history: History, publication: Publication): readonly Publication[] {
  return sameKey(history, publication).filter(each => each.order > publication.order)
}

function sameKey(history: History, publication: Publication): readonly Publication[] {
  const key = keyOf(publication)
  if (key === null) return []
  return [...history.publications.values()].filter(
    each => each.publisher === publication.publisher && keyOf(each) === key,
  )
}

function keyOf({ delaySeconds, properties }: Publication): string | null {
  if (delaySeconds === null) return null
  return properties.userProperties?.find(([name]) => name === KEY)?.[1] ?? null
}
