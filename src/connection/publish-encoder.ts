// The bytes of a PUBLISH to subscribers, made once for all receivers that get the same ones.

import { strict as assert } from 'node:assert'
import type { Message } from '../message.ts'
import { EncodedPublish } from '../packet/encode-publish.ts'
import { NO_PROPERTIES, type Properties, type ProtocolVersion, type QoS } from '../packet/packet.ts'

interface Slot {
  message: Message | null
  identifiers: readonly number[]
  now: number
  readonly encoded: EncodedPublish
}

/** One for a broker. It remembers the latest encoding of each kind: receivers of a message follow each other. */
export class PublishEncoder {
  /** By version (5 or not), QoS and retain. */
  readonly #slots: readonly Slot[] = Array.from({ length: 12 }, () => ({
    message: null,
    identifiers: [],
    now: 0,
    encoded: new EncodedPublish(),
  }))
  readonly #alone = new EncodedPublish()
  /** How many encodings were made: what the benchmark guard counts. */
  encodings = 0

  /** Good until the next message of the same kind. */
  encode(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    version: ProtocolVersion,
    now: number,
  ): EncodedPublish {
    const slot = this.#slots[(version === 5 ? 6 : 0) + qos * 2 + (retain ? 1 : 0)]
    assert(slot !== undefined, 'there is a slot for each kind')
    const { encoded } = slot
    if (
      slot.message === message &&
      (version < 5 || (sameIdentifiers(slot.identifiers, identifiers) && sameExpiry(slot, now)))
    ) {
      return encoded
    }
    this.encodings += 1
    const properties = version === 5 ? propertiesTowards(message, identifiers, now) : NO_PROPERTIES
    encoded.encode(message.topic, message.payload, qos, retain, false, properties, version)
    slot.message = message
    slot.identifiers = identifiers
    slot.now = now
    return encoded
  }

  /** For one receiver only: a resend, or one with a topic alias. Good until the next. */
  encodeAlone(
    message: Message,
    topic: string,
    qos: QoS,
    retain: boolean,
    duplicate: boolean,
    properties: Properties,
    version: ProtocolVersion,
  ): EncodedPublish {
    this.encodings += 1
    this.#alone.encode(topic, message.payload, qos, retain, duplicate, properties, version)
    return this.#alone
  }

  /** Lets go of what it remembers; called when a turn ends, so that no message is kept alive. */
  forget(): void {
    for (const slot of this.#slots) {
      slot.message = null
      slot.encoded.payload = null
    }
    this.#alone.payload = null
  }
}

/** What a client of MQTT 5 gets beside the payload [MQTT-3.3.2-6, MQTT-3.3.4-3, MQTT-3.3.4-4]. */
export function propertiesTowards(
  message: Message,
  identifiers: readonly number[],
  now: number,
): Properties {
  const { properties, expiresAt } = message
  if (expiresAt === Infinity && identifiers.length === 0) return properties
  // Whole seconds that are left of the interval the publisher gave.
  const left = Math.max(0, Math.ceil((expiresAt - now) / 1_000))
  return {
    ...properties,
    ...(expiresAt === Infinity ? {} : { messageExpiryInterval: left }),
    ...(identifiers.length === 0 ? {} : { subscriptionIdentifiers: identifiers }),
  }
}

function sameIdentifiers(one: readonly number[], other: readonly number[]): boolean {
  return one === other || (one.length === 0 && other.length === 0)
}

function sameExpiry(slot: Slot, now: number): boolean {
  return slot.now === now || slot.message?.expiresAt === Infinity
}
