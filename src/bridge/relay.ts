// Carries packets between two sessions: the one that a bridge has here, and the one that it has at the other broker.
//
// It keeps no messages. A packet identifier that one broker gave is used for the same message at the other, and an acknowledgement
// is passed on only when it has come. So the two sessions, which both brokers keep, are all the state that there is: whatever is
// cut or killed between them, QoS 1 is not lost, and QoS 2 comes once.

import {
  type AcknowledgementPacket,
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type PublishPacket,
  type QoS,
} from '../packet/packet.ts'
import {
  isFailure,
  PACKET_TOO_LARGE,
  QUOTA_EXCEEDED,
  type ReasonCode,
  SERVER_BUSY,
  SUCCESS,
} from '../packet/reason.ts'
import { carried, crossed, type Paths } from './bridge-path.ts'
import type { BridgeTopics } from './bridge-topics.ts'
import type { IncomingPacket } from './incoming-packets.ts'
import type { UnfitPublish } from './unfit-publish.ts'

interface RelayEnd {
  send(packet: Packet): void
}

interface LocalEnd extends RelayEnd {
  /** Sends the message, unless its packet has more bytes. */
  offer(packet: PublishPacket, bytesMax: number): boolean
}

export interface RelayCounters {
  messagesSent: number
  messagesReceived: number
  /** Messages that the other broker has refused: they are lost to it. */
  refusedThere: number
  /** Messages that this broker has refused for a reason that will not pass. */
  refusedHere: number
  /** Messages of filters that the configuration does not have any more, or whose new topic is empty or too long. */
  unmapped: number
  /** Messages that have passed this broker before: bridges join brokers in a ring. */
  looped: number
}

export interface RelayOptions {
  readonly topics: BridgeTopics
  readonly local: LocalEnd
  readonly remote: RelayEnd
  /** The highest QoS that the other broker takes. */
  readonly qosMax: QoS
  /** Whether messages keep RETAIN at the other broker. */
  readonly retains: boolean
  readonly counters: RelayCounters
  /** The largest packet that this broker takes. */
  readonly packetBytesMax: number
  /** Null: messages carry no paths. */
  readonly paths: Paths | null
  /** A message has passed this broker before. */
  readonly looped: (topic: string) => void
  /** A message was refused. `where` is the broker that refused it. */
  readonly refused: (where: 'there' | 'here', packetId: number, reason: ReasonCode) => void
}

/** Refusals that pass: the message stays with the broker that sent it, and comes again on the next connection. */
const PASSING: readonly ReasonCode[] = [QUOTA_EXCEEDED, SERVER_BUSY]

export class Relay {
  readonly #options: RelayOptions
  /** Messages of QoS 2 that the other broker took by a lower QoS: their PUBREL is answered here. */
  readonly #lowered = new Set<number>()
  /** Messages of the other broker that nobody here wants: their PUBREL is answered here. */
  readonly #declined = new Set<number>()
  /** Identifiers of an earlier session of the other broker, which are free when their PUBCOMP comes. */
  readonly #freed = new Set<number>()

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /**
   * The other broker has a new session, so it will use these identifiers for other messages. Those of QoS 2 before were
   * routed here when they came: what is left of them is their PUBREL.
   */
  forget(packetIds: Iterable<number>): void {
    for (const packetId of packetIds) {
      this.#freed.add(packetId)
      this.#options.local.send(acknowledgement('pubrel', packetId))
    }
  }

  /** Returns why the connection must end, or null. */
  fromLocal(packet: IncomingPacket): string | null {
    const { remote } = this.#options
    switch (packet.type) {
      case 'publish':
        this.#goesOut(packet)
        return null
      case 'puback':
      case 'pubrec':
        return this.#takenHere(packet)
      case 'pubrel':
        if (this.#lowered.delete(packet.packetId)) this.#acknowledge('pubcomp', packet.packetId)
        else remote.send(acknowledgement('pubrel', packet.packetId))
        return null
      case 'pubcomp':
        if (!this.#freed.delete(packet.packetId))
          remote.send(acknowledgement('pubcomp', packet.packetId))
        return null
      default:
        return null
    }
  }

  /** Returns why the connection must end, or null. */
  fromRemote(packet: IncomingPacket): string | null {
    const { local, remote } = this.#options
    switch (packet.type) {
      case 'publish':
        // CONNECT allows none, so nobody knows which topic it is.
        if (packet.properties.topicAlias !== undefined) return 'it used a topic alias'
        this.#comesIn(packet)
        return null
      case 'unfit':
        this.#isUnfit(packet)
        return null
      case 'puback':
      case 'pubrec':
        return this.#takenThere(packet)
      case 'pubrel':
        if (this.#declined.delete(packet.packetId))
          remote.send(acknowledgement('pubcomp', packet.packetId))
        else local.send(acknowledgement('pubrel', packet.packetId))
        return null
      case 'pubcomp':
        // Also one that does not know the identifier (0x92) has nothing left to complete.
        this.#acknowledge('pubcomp', packet.packetId)
        return null
      default:
        return null
    }
  }

  #goesOut(packet: PublishPacket): void {
    const { topics, remote, qosMax, retains, counters } = this.#options
    const topic = topics.toRemote(packet.topic)
    if (topic === null || !isTopic(topic)) {
      counters.unmapped += 1
      this.#settle(packet)
      return
    }
    const properties = this.#crossed(packet, 'out')
    if (properties === null) {
      this.#settle(packet)
      return
    }
    const qos = Math.min(packet.qos, qosMax) as QoS
    if (qos === 1 && packet.qos === 2) this.#lowered.add(packet.packetId)
    const packetId = qos === 0 ? 0 : packet.packetId
    const retain = packet.retain && retains
    const duplicate = qos > 0 && packet.duplicate
    remote.send({ ...packet, topic, qos, packetId, retain, properties, duplicate })
    counters.messagesSent += 1
    if (qos === 0) this.#settle(packet)
  }

  /** Returns the properties that the message has on the other side, or null if it must not cross. */
  #crossed(
    { properties, topic, packetId }: PublishPacket,
    direction: 'in' | 'out',
  ): Properties | null {
    const { paths, counters, looped, refused } = this.#options
    const own = carried(properties)
    if (paths === null) return own
    const found = crossed(own, paths.brokerId, direction)
    if (found === null) {
      counters.looped += 1
      looped(topic)
      return null
    }
    if (direction === 'out' && !paths.arriveThere) return own
    if ((found.userProperties?.length ?? 0) <= paths.userPropertiesMax) return found
    // Without a path it could go round for ever; with it the other broker would end the connection, again and again.
    if (direction === 'out') counters.refusedThere += 1
    else counters.refusedHere += 1
    refused(direction === 'out' ? 'there' : 'here', packetId, QUOTA_EXCEEDED)
    return null
  }

  /** Acknowledges a message of this broker that needs no more. */
  #settle({ qos, packetId }: PublishPacket): void {
    if (qos === 1) this.#acknowledge('puback', packetId)
    if (qos !== 2) return
    this.#lowered.add(packetId)
    this.#acknowledge('pubrec', packetId)
  }

  #takenThere({ type, packetId, reason }: AcknowledgementPacket): string | null {
    const { counters, refused } = this.#options
    if (PASSING.includes(reason)) return 'the other broker has no room for its messages'
    if (isFailure(reason)) {
      counters.refusedThere += 1
      refused('there', packetId, reason)
    }
    if (this.#lowered.has(packetId)) this.#acknowledge('pubrec', packetId)
    else if (type === 'puback' || !isFailure(reason)) this.#acknowledge(type, packetId)
    else this.#options.local.send({ ...acknowledgement(type, packetId), reason })
    return null
  }

  #comesIn(packet: PublishPacket): void {
    const { topics, local, counters, packetBytesMax } = this.#options
    const topic = topics.toLocal(packet.topic)
    if (topic === null || !isTopic(topic)) {
      counters.unmapped += 1
      this.#decline(packet)
      return
    }
    const properties = this.#crossed(packet, 'in')
    if (properties === null) {
      this.#decline(packet)
      return
    }
    // Its topic may be longer here, and it has a path.
    const isSent = local.offer({ ...packet, topic, properties }, packetBytesMax)
    if (isSent) counters.messagesReceived += 1
    else this.#isUnfit({ ...packet, reason: PACKET_TOO_LARGE })
  }

  /**
   * This broker cannot take the message. It must be acknowledged: it would come first on each new connection, and nothing else
   * would pass.
   */
  #isUnfit(message: Omit<UnfitPublish, 'type'>): void {
    const { counters, refused } = this.#options
    counters.refusedHere += 1
    refused('here', message.packetId, message.reason)
    this.#decline(message)
  }

  #decline({ qos, packetId }: Pick<PublishPacket, 'qos' | 'packetId'>): void {
    const { remote } = this.#options
    if (qos === 1) remote.send(acknowledgement('puback', packetId))
    if (qos !== 2) return
    this.#declined.add(packetId)
    remote.send(acknowledgement('pubrec', packetId))
  }

  #takenHere({ type, packetId, reason }: AcknowledgementPacket): string | null {
    const { remote, counters, refused } = this.#options
    if (!isFailure(reason)) {
      remote.send(acknowledgement(type, packetId))
      return null
    }
    if (PASSING.includes(reason)) return 'this broker has no room for its messages'
    counters.refusedHere += 1
    refused('here', packetId, reason)
    this.#decline({ qos: type === 'puback' ? 1 : 2, packetId })
    return null
  }

  #acknowledge(type: AcknowledgementPacket['type'], packetId: number): void {
    this.#options.local.send(acknowledgement(type, packetId))
  }
}

function acknowledgement(
  type: AcknowledgementPacket['type'],
  packetId: number,
): AcknowledgementPacket {
  return { type, packetId, reason: SUCCESS, properties: NO_PROPERTIES }
}

/** A prefix can make a topic longer than MQTT has room for, and what is one on one side can be nothing on the other. */
function isTopic(topic: string): boolean {
  if (topic.length * 3 <= TOPIC_BYTES_MAX) return topic !== ''
  return Buffer.byteLength(topic) <= TOPIC_BYTES_MAX
}

const TOPIC_BYTES_MAX = 65_535
