// Encodes PUBLISH packets to subscribers, once for all receivers that get the same bytes.

import type { Message } from '../message.ts'
import { MountedMessages } from './mount-point.ts'
import { EncodedPublish } from '../packet/encode-publish.ts'
import { NO_PROPERTIES, type Properties, type ProtocolVersion, type QoS } from '../packet/packet.ts'
import { SharedTail } from '../packet/shared-tail.ts'

interface Slot {
  message: Message | null
  identifiers: readonly number[]
  now: number
  readonly encoded: EncodedPublish
}

/** Each broker has one. It keeps the latest encoding of each kind, because all receivers of a message follow each other. */
export class PublishEncoder {
  readonly #shared = new SharedTail()
  /** The latest encodings by version (5 or not), QoS and retain. */
  readonly #slots: readonly Slot[] = Array.from({ length: 12 }, () => ({
    message: null,
    identifiers: [],
    now: 0,
    encoded: new EncodedPublish(this.#shared),
  }))
  readonly #alone = new EncodedPublish(this.#shared)
  readonly mounted: MountedMessages = new MountedMessages()
  /** The number of encodings that were made. A test of the benchmark counts it. */
  encodings = 0

  /** Returns the encoding for shared use. It is valid until the next message of the same kind. */
  encode(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    version: ProtocolVersion,
    now: number,
  ): EncodedPublish {
    const slot = this.#slots[(version === 5 ? 6 : 0) + qos * 2 + (retain ? 1 : 0)]
    // A call of `assert` makes an array of its arguments.
    if (slot === undefined) throw new Error('there is a slot for each kind')
    const { encoded } = slot
    if (
      slot.message === message &&
      (version < 5 || (sameIdentifiers(slot.identifiers, identifiers) && sameExpiry(slot, now)))
    ) {
      encoded.isShared = true
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

  /** Encodes for one receiver: a message that is sent again, or one with a topic alias. It is valid until the next call. */
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

  /** Discards kept encodings. It is called when a turn ends, so that no message stays in memory. */
  forget(): void {
    for (const slot of this.#slots) {
      slot.message = null
      slot.encoded.payload = null
    }
    this.#alone.payload = null
    this.#shared.forget()
    this.mounted.forget()
  }
}

/** Returns the properties for a client of MQTT 5 [MQTT-3.3.2-6, MQTT-3.3.4-3, MQTT-3.3.4-4]. */
export function propertiesTowards(
  message: Message,
  identifiers: readonly number[],
  now: number,
): Properties {
  const { properties, expiresAt } = message
  if (expiresAt === Infinity && identifiers.length === 0) return properties
  // The remaining whole seconds of the publisher's interval.
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
