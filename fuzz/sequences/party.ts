// A client of a sequence. It follows the specification, and tells the ledger what it hears.

import type { Packet, ProtocolVersion } from '../../src/packet/packet.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import type { PondClient } from '../../test/pond-client.ts'
import type { Ledger, Person, Said } from './ledger.ts'

interface Answerable {
  readonly type: 'puback' | 'pubrec' | 'pubcomp'
  readonly packetId: number
}

export class Party {
  readonly person: Person
  readonly version: ProtocolVersion
  client: PondClient | null = null
  /** Whether its acknowledgements wait for a command. */
  isLazy = false
  will: Said | null = null
  readonly #ledger: Ledger
  #isDurable = false
  #asksForOld = false
  #isConnected = false
  #unanswered: Answerable[] = []
  /** Names of what it published, and filters that it asked for, by packet identifier. */
  readonly #published = new Map<number, string>()
  readonly #asked = new Map<number, readonly [filter: string, qos: number]>()

  constructor(person: Person, version: ProtocolVersion, ledger: Ledger) {
    this.person = person
    this.version = version
    this.#ledger = ledger
  }

  get isConnected(): boolean {
    return this.#isConnected && this.client?.isClosed === false
  }

  /** The client of a connection that has just begun. */
  begins(client: PondClient, isDurable: boolean, asksForOld: boolean, will: Said | null): void {
    this.client = client
    this.#isDurable = isDurable
    this.#asksForOld = asksForOld
    this.#isConnected = false
    this.will = will
    this.#unanswered = []
    this.#published.clear()
    this.#asked.clear()
  }

  published(packetId: number, name: string): void {
    this.#published.set(packetId, name)
  }

  asked(packetId: number, filter: string, qos: number): void {
    this.#asked.set(packetId, [filter, qos])
  }

  /** Whether the broker owes it an answer. */
  get hasUnansweredPublish(): boolean {
    return this.#published.size > 0
  }

  /** Hears and answers. Returns whether there was anything. */
  hears(): boolean {
    if (this.client === null || !this.client.wire.hasArrived) return false
    const packets = this.client.receives()
    for (const packet of packets) this.#hear(packet)
    return packets.length > 0
  }

  /** The connection may have ended by now. */
  looksAround(): void {
    if (this.client?.isClosed !== true) return
    if (this.will !== null) this.#ledger.willFired(this.will.name)
    this.client = null
    this.will = null
  }

  acknowledges(): void {
    for (const packet of this.#unanswered.splice(0)) this.#answer(packet)
  }

  #hear(packet: Packet): void {
    switch (packet.type) {
      case 'connack':
        return this.#greeted(packet.reason, packet.sessionPresent)
      case 'publish': {
        const name = packet.payload.toString()
        this.#ledger.hears(this.person, { ...packet, name })
        const { qos, packetId } = packet
        if (qos > 0) this.#answerLater({ type: qos === 1 ? 'puback' : 'pubrec', packetId })
        return
      }
      case 'pubrel':
        this.#ledger.released(this.person.clientId, packet.packetId)
        return this.#answerLater({ type: 'pubcomp', packetId: packet.packetId })
      case 'puback':
      case 'pubrec':
        return this.#published.has(packet.packetId)
          ? this.#answered(packet.type, packet.packetId, packet.reason)
          : undefined
      case 'suback':
        return this.#subscribed(packet.packetId, packet.reasons)
      default:
        return
    }
  }

  #greeted(reason: number, sessionPresent: boolean): void {
    if (reason !== 0) return
    const { will } = this
    this.#isConnected = true
    this.#ledger.expect(
      this.#ledger.users.has(this.person.username),
      `${this.person.username} does not exist and was let in`,
    )
    if (will !== null)
      this.#ledger.expect(this.#ledger.maySay(will), `a will on ${will.topic} without the right`)
    this.#ledger.expect(
      this.version === 3 ||
        sessionPresent ||
        !this.#asksForOld ||
        !this.#ledger.hasSession(this.person),
      `${this.person.clientId} did not find its session`,
    )
    // 3.1 does not say whether there is a session.
    const isOld =
      this.version === 3 ? this.#asksForOld && this.#ledger.hasSession(this.person) : sessionPresent
    this.#ledger.connected(this.person, this.#isDurable, isOld)
  }

  #answered(type: 'puback' | 'pubrec', packetId: number, reason: number): void {
    const name = this.#published.get(packetId) ?? ''
    this.#published.delete(packetId)
    if (this.version === 5)
      this.#ledger.expect(reason < 0x80 || reason === 0x87, `${name}: ${reason}`)
    if (reason >= 0x80) return
    this.#ledger.acknowledged(name)
    if (type === 'pubrec') this.client?.acknowledges('pubrel', packetId)
  }

  #subscribed(packetId: number, reasons: readonly number[]): void {
    const [filter = '', qos = 0] = this.#asked.get(packetId) ?? []
    const [granted = 0x80] = reasons
    if (granted >= 0x80) return
    this.#ledger.expect(granted <= qos, `${filter} was granted at QoS ${granted}`)
    this.#ledger.granted(this.person.clientId, filter, granted)
  }

  #answerLater(packet: Answerable): void {
    if (this.isLazy) this.#unanswered.push(packet)
    else this.#answer(packet)
  }

  #answer(packet: Answerable): void {
    if (this.client?.isClosed !== false) return
    this.client.acknowledges(packet.type, packet.packetId)
  }
}

/** Whether a session of this kind outlives its connection, and how CONNECT says so. */
export function startOf(
  kind: string,
  version: ProtocolVersion,
): { readonly cleanStart: boolean; readonly isDurable: boolean; readonly properties: object } {
  const cleanStart = kind === 'clean' || kind === 'fresh'
  if (version < 5) return { cleanStart, isDurable: !cleanStart, properties: NO_PROPERTIES }
  const isDurable = kind !== 'clean'
  const properties = isDurable ? { sessionExpiryInterval: 600_000 } : NO_PROPERTIES
  return { cleanStart, isDurable, properties }
}
