// Sends packets to one client: encodes them into its outbox, within the limits of the client.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import type { EncodedPublish } from '../packet/encode-publish.ts'
import { NO_PROPERTIES, type Packet, type ProtocolVersion, type QoS } from '../packet/packet.ts'
import type { Delivery } from '../session/delivery.ts'
import type { Link, SendOutcome } from '../session/link.ts'
import { errorOf } from '../thrown.ts'
import { canFit, fittingBytes, type SendLimits } from './fitting-packet.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'
import type { ConnectionHost, ConnectionContext } from './connection-context.ts'
import { CannotServe } from './protocol-error.ts'
import { Outbox } from './outbox.ts'
import type { OutgoingRates } from './outgoing-rates.ts'
import { propertiesTowards } from './publish-encoder.ts'
import { OutgoingAliases } from './topic-aliases.ts'

const PUBACK = 0x40
const PUBREC = 0x50
const PUBREL = 0x62
const PUBCOMP = 0x70

/** An outbox of this size is flushed within the turn, so that many messages to one client do not fill it. */
const EARLY_FLUSH_BYTES = 65_536

// Wide on purpose: its fields are the limits of its client, and what of them is used up: each packet reads them.
export class Sender implements Link {
  readonly outbox: Outbox
  /** PUBLISH packets on this connection. */
  messagesSent = 0
  readonly #context: ConnectionContext
  readonly #host: ConnectionHost
  /** The negotiated limits. Before CONNECT is accepted only the version is known. */
  #limits: SendLimits & Pick<NegotiatedLimits, 'clientId' | 'mountPoint'> = {
    version: 4,
    packetBytesMax: Infinity,
    wantsProblemInformation: true,
    clientId: '',
    mountPoint: null,
  }
  #aliases: OutgoingAliases | null = null
  #flushEarlyAt = EARLY_FLUSH_BYTES
  /** Null where the rates have no bound, and before CONNECT is accepted. */
  rates: OutgoingRates | null = null
  /** Whether bytes may be pending at the socket: only a write leaves any, and to ask for each packet takes longer than the rest. */
  #mayPend = false
  /** Whether a session has read that there is no room, and must be pumped when there is room again. */
  sessionWaits = false
  /**
   * The error that was thrown while a packet for this client was encoded, or null. It has the effect of a broken socket: nothing
   * more is sent, queued messages stay queued, and the host ends the connection at its next flush.
   */
  fault: Error | null = null

  constructor(context: ConnectionContext, host: ConnectionHost) {
    this.#context = context
    this.#host = host
    this.outbox = new Outbox(context.pool)
  }

  /** Sets the version of answers before CONNECT is accepted. */
  setVersion(version: ProtocolVersion): void {
    this.#limits = { ...this.#limits, version }
  }

  setNegotiated(negotiated: NegotiatedLimits): void {
    this.#limits = negotiated
    const { topicAliasMax } = negotiated
    const { broker } = this.#context
    const bounds = { max: topicAliasMax, bytesMax: broker.limits.topicAliasBytesMax }
    this.#aliases = topicAliasMax === 0 ? null : new OutgoingAliases(bounds, broker.memory)
  }

  /** Ends with the connection. */
  end(): void {
    this.rates?.end()
    this.rates = null
    this.#aliases?.clear()
    this.#aliases = null
  }

  get hasRoom(): boolean {
    // Its deadline lets the session continue.
    if (this.rates !== null && this.rates.isReached) return false
    const waiting = this.outbox.bytes + (this.#mayPend ? this.#host.pendingBytes : 0)
    const { memory, limits, overload } = this.#context.broker
    // When memory is short the bound is small, so that clients that do not read leave memory for others.
    const bytesMax =
      waiting >= EARLY_FLUSH_BYTES && (overload.isShortOfMemory || !memory.hasReserve)
        ? EARLY_FLUSH_BYTES
        : limits.outboxBytesMax
    if (waiting < bytesMax) return true
    this.sessionWaits = true
    return false
  }

  get lack(): 'outbox-full' | 'rate-reached' {
    return this.rates?.isReached === true ? 'rate-reached' : 'outbox-full'
  }

  get isFlowing(): boolean {
    if (this.#host.isFlowing && this.hasRoom) return true
    this.sessionWaits = true
    return false
  }

  postpone(): void {
    this.sessionWaits = true
    this.#host.requestFlush()
  }

  /** Must be called when a flush has written, so that the next turn may fill the outbox again. */
  flushed(): void {
    this.#flushEarlyAt = EARLY_FLUSH_BYTES
    this.#mayPend = this.#host.pendingBytes > 0
  }

  publishQoS0(
    message: Message,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): SendOutcome {
    return this.#publish(message, 0, retain, identifiers, 0, false, commitId)
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

  /** Sends any other packet. */
  send(packet: Packet, commitId: CommitId): void {
    if (this.fault !== null) return
    try {
      const bytes = fittingBytes(packet, this.#limits)
      if (bytes === null) return
      this.outbox.append(bytes, commitId)
      this.#packetAppended()
    } catch (error) {
      this.#failed(error)
    }
  }

  canSend(packet: Packet): boolean {
    return canFit(packet, this.#limits)
  }

  #publish(
    published: Message,
    qos: QoS,
    retain: boolean,
    identifiers: readonly number[],
    packetId: number,
    duplicate: boolean,
    commitId: CommitId,
  ): SendOutcome {
    if (this.fault !== null) return 'sent'
    const { encoder, broker } = this.#context
    const { clientId, mountPoint } = this.#limits
    const { deliver } = broker.hooks
    const whole = deliver === null ? published : deliver(published, clientId, qos, duplicate)
    if (whole === null) return 'dropped-by-hook'
    const message = mountPoint === null ? whole : encoder.mounted.shown(whole, mountPoint)
    if (message === null) return 'no-right-to-receive'
    let size = 0
    try {
      const encoded =
        this.#aliases === null && !duplicate
          ? encoder.encode(message, qos, retain, identifiers, this.#limits.version, broker.now)
          : this.#encodeAlone(message, qos, retain, identifiers, duplicate)
      size = encoded.size
      if (size > this.#limits.packetBytesMax) return 'too-large'
      this.outbox.appendPublish(encoded, packetId, commitId)
    } catch (error) {
      this.#failed(error)
      return 'sent'
    }
    broker.statistics.messagesSent += 1
    broker.statistics.publishBytesSent += message.payload.length
    this.messagesSent += 1
    if (this.rates !== null) this.rates.charge(size)
    this.#packetAppended()
    broker.observer.delivered?.(clientId, whole, qos, duplicate)
    return 'sent'
  }

  #failed(error: unknown): void {
    // The packet does not fit the client's limits: the caller ends the connection.
    if (error instanceof CannotServe) throw error
    this.fault = errorOf(error)
    this.#host.requestFlush()
  }

  /** Encodes for this client only: a message that is sent again, or one with a topic alias. */
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
      this.#limits.version === 5
        ? propertiesTowards(message, identifiers, broker.now)
        : NO_PROPERTIES
    const known = this.#aliases?.aliasOf(topic) ?? 0
    const alias = known === 0 ? (this.#aliases?.nextAliasFor(topic) ?? 0) : known
    const withAlias = alias === 0 ? properties : { ...properties, topicAlias: alias }
    const name = known === 0 ? topic : ''
    const version = this.#limits.version
    const encoded = encoder.encodeAlone(message, name, qos, retain, duplicate, withAlias, version)
    // The alias is set only when the packet with it is sent.
    const isSent = encoded.size <= this.#limits.packetBytesMax
    if (known === 0 && alias !== 0 && isSent) this.#aliases?.set(topic, alias)
    return encoded
  }

  #packetAppended(): void {
    this.#context.broker.statistics.packetsSent += 1
    this.#host.requestFlush()
    if (this.outbox.bytes < this.#flushEarlyAt) return
    this.#host.write()
    this.#mayPend = true
    this.#flushEarlyAt = this.outbox.bytes + EARLY_FLUSH_BYTES
  }
}
