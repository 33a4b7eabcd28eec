// What is said to one client: packets into its outbox, within what the client can take.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import { encode } from '../packet/encode.ts'
import type { EncodedPublish } from '../packet/encode-publish.ts'
import {
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type ProtocolVersion,
  type QoS,
} from '../packet/packet.ts'
import { PACKET_TOO_LARGE } from '../packet/reason.ts'
import { sayable } from '../packet/text.ts'
import type { Delivery } from '../session/delivery.ts'
import type { Link, SendOutcome } from '../session/link.ts'
import { type NegotiatedLimits, PROTOCOL_PACKET_BYTES_MAX } from './negotiated-limits.ts'
import type { ConnectionHost, ConnectionContext } from './connection-context.ts'
import { CannotServe } from './protocol-error.ts'
import { Outbox } from './outbox.ts'
import { propertiesTowards } from './publish-encoder.ts'
import { OutgoingAliases } from './topic-aliases.ts'

const PUBACK = 0x40
const PUBREC = 0x50
const PUBREL = 0x62
const PUBCOMP = 0x70

/** An outbox of this size is flushed within the turn, so that a large fan-in does not fill it. */
const EARLY_FLUSH_BYTES = 65_536

export class Sender implements Link {
  readonly outbox: Outbox
  readonly #context: ConnectionContext
  readonly #host: ConnectionHost
  #version: ProtocolVersion = 4
  #packetBytesMax = Infinity
  #wantsProblemInformation = true
  #aliases: OutgoingAliases | null = null
  #flushEarlyAt = EARLY_FLUSH_BYTES
  /** A session was told that there is no room: it wants to hear when there is. */
  isAwaited = false
  /**
   * What was thrown while something was put into bytes for this client, or null. It is as if the socket had broken there: no
   * more is said, what is owed stays owed, and the host ends the connection when it flushes.
   */
  fault: Error | null = null

  constructor(context: ConnectionContext, host: ConnectionHost) {
    this.#context = context
    this.#host = host
    this.outbox = new Outbox(context.pool)
  }

  /** The version to answer in before CONNECT is accepted. */
  setVersion(version: ProtocolVersion): void {
    this.#version = version
  }

  setNegotiated(negotiated: NegotiatedLimits): void {
    this.#version = negotiated.version
    this.#packetBytesMax = negotiated.packetBytesMax
    this.#wantsProblemInformation = negotiated.wantsProblemInformation
    const { topicAliasMax } = negotiated
    const { broker } = this.#context
    const bounds = { max: topicAliasMax, bytesMax: broker.limits.topicAliasBytesMax }
    this.#aliases = topicAliasMax === 0 ? null : new OutgoingAliases(bounds, broker.memory)
  }

  /** The connection is over. */
  forgetAliases(): void {
    this.#aliases?.clear()
    this.#aliases = null
  }

  get hasRoom(): boolean {
    const waiting = this.outbox.bytes + this.#host.pendingBytes
    const { memory, limits } = this.#context.broker
    // Where memory is full the bound is a small one, so that clients which do not read leave some to those that do.
    if (waiting < limits.outboxBytesMax && (waiting < EARLY_FLUSH_BYTES || memory.hasReserve))
      return true
    this.isAwaited = true
    return false
  }

  get isFlowing(): boolean {
    if (this.#host.isFlowing && this.hasRoom) return true
    this.isAwaited = true
    return false
  }

  postpone(): void {
    this.isAwaited = true
    this.#host.requestFlush()
  }

  /** A new turn may fill the outbox anew. */
  flushed(): void {
    this.#flushEarlyAt = EARLY_FLUSH_BYTES
  }

  publishQoS0(message: Message, retain: boolean, identifiers: readonly number[]): SendOutcome {
    return this.#publish(message, 0, retain, identifiers, 0, false, 0)
  }

  publish(delivery: Delivery, duplicate: boolean): SendOutcome {
    const { message, qos, retain, identifiers, packetId, commitId } = delivery
    return this.#publish(message, qos, retain, identifiers, packetId, duplicate, commitId)
  }

  pubrel(packetId: number, commitId: CommitId): void {
    this.outbox.appendAcknowledgement(PUBREL, packetId, commitId)
    this.#packetAppended()
  }

  puback(packetId: number, commitId: CommitId): void {
    this.outbox.appendAcknowledgement(PUBACK, packetId, commitId)
    this.outbox.countAcknowledgement()
    this.#packetAppended()
  }

  pubrec(packetId: number, commitId: CommitId): void {
    this.outbox.appendAcknowledgement(PUBREC, packetId, commitId)
    this.#packetAppended()
  }

  pubcomp(packetId: number, commitId: CommitId): void {
    this.outbox.appendAcknowledgement(PUBCOMP, packetId, commitId)
    this.outbox.countAcknowledgement()
    this.#packetAppended()
  }

  /**
   * Any other packet. Reason strings and user properties are left out where the client did not ask for them
   * [MQTT-3.1.2-29], and where they would make the packet larger than it takes [MQTT-3.2.2-19, MQTT-3.14.2-3].
   */
  send(packet: Packet, commitId: CommitId): void {
    if (this.fault !== null) return
    try {
      this.#send(packet, commitId)
    } catch (error) {
      this.#failed(error)
    }
  }

  #send(packet: Packet, commitId: CommitId): void {
    const fitting = withBoundedWords(this.#fitting(packet))
    let bytes = encode(fitting, this.#version)
    if (bytes.length > this.#packetBytesMax) bytes = encode(withoutWords(packet), this.#version)
    if (bytes.length > this.#packetBytesMax) {
      this.#cannotSend(packet, bytes.length)
      return
    }
    this.outbox.append(bytes, commitId)
    this.#packetAppended()
  }

  /** Whether the packet, without words that may be left out, is small enough for the client [MQTT-3.1.2-24]. */
  canSend(packet: Packet): boolean {
    if (this.#packetBytesMax >= PROTOCOL_PACKET_BYTES_MAX) return true
    return encode(withoutWords(packet), this.#version).length <= this.#packetBytesMax
  }

  /** The client would wait for ever for what must not be sent to it, so it is left. With these two we are leaving. */
  #cannotSend({ type }: Packet, bytes: number): void {
    if (type === 'connack' || type === 'disconnect') return
    const max = `the Maximum Packet Size of the client (${this.#packetBytesMax})`
    const sentence = `${type.toUpperCase()} of ${bytes} bytes is larger than ${max}`
    throw new CannotServe(PACKET_TOO_LARGE, sentence)
  }

  #publish(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    packetId: number,
    duplicate: boolean,
    commitId: CommitId,
  ): SendOutcome {
    if (this.fault !== null) return 'sent'
    const { encoder, broker } = this.#context
    try {
      const encoded =
        this.#aliases === null && !duplicate
          ? encoder.encode(message, qos, retain, identifiers, this.#version, broker.now)
          : this.#encodeAlone(message, qos, retain, identifiers, duplicate)
      if (encoded.size > this.#packetBytesMax) return 'too-large'
      this.outbox.appendPublish(encoded, packetId, commitId)
    } catch (error) {
      this.#failed(error)
      return 'sent'
    }
    broker.statistics.messagesSent += 1
    this.#packetAppended()
    return 'sent'
  }

  #failed(error: unknown): void {
    // The client is at fault, or its limits are: the caller ends the connection.
    if (error instanceof CannotServe) throw error
    this.fault = error instanceof Error ? error : new Error(String(error))
    this.#host.requestFlush()
  }

  /** For this client only: a resend, or one with a topic alias. */
  #encodeAlone(
    message: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    duplicate: boolean,
  ): EncodedPublish {
    const { topic } = message
    const { broker, encoder } = this.#context
    const properties =
      this.#version === 5 ? propertiesTowards(message, identifiers, broker.now) : NO_PROPERTIES
    const known = this.#aliases?.aliasOf(topic) ?? 0
    const alias = known === 0 ? (this.#aliases?.nextAliasFor(topic) ?? 0) : known
    const withAlias = alias === 0 ? properties : { ...properties, topicAlias: alias }
    const name = known === 0 ? topic : ''
    const version = this.#version
    const encoded = encoder.encodeAlone(message, name, qos, retain, duplicate, withAlias, version)
    // The alias exists from the moment the client hears of it, not before.
    const isSent = encoded.size <= this.#packetBytesMax
    if (known === 0 && alias !== 0 && isSent) this.#aliases?.set(topic, alias)
    return encoded
  }

  #fitting(packet: Packet): Packet {
    if (this.#wantsProblemInformation) return packet
    if (packet.type === 'connack' || packet.type === 'disconnect') return packet
    return withoutWords(packet)
  }

  #packetAppended(): void {
    this.#context.broker.statistics.packetsSent += 1
    this.#host.requestFlush()
    if (this.outbox.bytes < this.#flushEarlyAt) return
    this.#host.flushEarly()
    this.#flushEarlyAt = this.outbox.bytes + EARLY_FLUSH_BYTES
  }
}

/** Sentences may hold words of the client, or of whoever was asked about it: of any length, and of any characters. */
function withBoundedWords(packet: Packet): Packet {
  if (!('properties' in packet) || packet.properties.reasonString === undefined) return packet
  const reasonString = sayable(packet.properties.reasonString)
  return { ...packet, properties: { ...packet.properties, reasonString } }
}

function withoutWords(packet: Packet): Packet {
  if (!('properties' in packet)) return packet
  const { reasonString: _reason, userProperties: _user, ...rest } = packet.properties
  const properties: Properties = Object.keys(rest).length === 0 ? NO_PROPERTIES : rest
  return { ...packet, properties }
}
