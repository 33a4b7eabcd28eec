// A client that publishes as fast as its window allows, or at given times. Its packets are encoded before the run; during
// the run only packet identifier and stamp are written into them.

import { Answers, PUBREL_BYTE } from './answers.ts'
import { latestMicroseconds, microsecondsBetween, microsecondsNow } from './clock.ts'
import type { Client, Role } from './client.ts'
import type { Histogram } from './histogram.ts'
import type { SequenceCheck } from './sequence-check.ts'
import {
  ALIAS_PROPERTIES,
  packetIdOf,
  PUBACK,
  PUBCOMP,
  publishForm,
  type PublishForm,
  PUBREC,
  type QoS,
} from './packets.ts'
import type { Beating, Pulse } from './pulse.ts'
import { writeStamp } from './stamp.ts'
import { TransactionRing } from './transactions.ts'

export interface PublisherOptions {
  readonly index: number
  /** Its topics, used in turn. All have the same length. */
  readonly topics: readonly string[]
  readonly qos: QoS
  readonly payloadBytes: number
  readonly window: number
  /** The least number of messages of one write. */
  readonly batch: number
  /** Its only topic is in its first packet; later packets have the alias. */
  readonly isVersion5: boolean
  /** So many messages are in each transaction; 0 for none. Then it has one topic, QoS 1, and at least so large a batch. */
  readonly messagesOfTransaction: number
  /** It sends when the pacer calls it, not whenever its window has room. */
  readonly isPaced: boolean
  readonly receiversOfMessage: number
  readonly check: SequenceCheck
  readonly acknowledgements: Histogram
  readonly pulse: Pulse
}

export class Publisher implements Role, Beating {
  readonly #client: Client
  readonly #options: PublisherOptions
  readonly #answers: Answers
  /** Packets in a ring, twice as many as the window, so that no packet is changed while the socket may still send it. */
  readonly #ring: Buffer
  /** The offsets of packet identifier and stamp in each packet. */
  readonly #form: PublishForm
  readonly #places: number
  readonly #size: number
  readonly #sentAt: Float64Array
  /** The topic for which no alias is set yet. */
  #first: string | null
  readonly #transactions: TransactionRing | null
  /** Of the oldest transaction. */
  #answersOfTransaction = 0
  #sent = 0
  #acknowledged = 0
  #isAttended = false
  #isStopped = false

  constructor(client: Client, options: PublisherOptions) {
    const { topics, qos, payloadBytes, window, isVersion5, pulse } = options
    this.#client = client
    this.#options = options
    this.#answers = new Answers(client, pulse)
    const forms = isVersion5
      ? [publishForm('', qos, payloadBytes, false, ALIAS_PROPERTIES)]
      : topics.map(topic => publishForm(topic, qos, payloadBytes))
    this.#first = isVersion5 ? (topics[0] ?? null) : null
    const rounds = Math.ceil((2 * window) / forms.length)
    const once = Buffer.concat(forms.map(form => form.bytes))
    this.#ring = Buffer.concat(Array.from({ length: rounds }, () => once))
    this.#places = rounds * forms.length
    this.#size = this.#ring.length / this.#places
    this.#form = {
      bytes: this.#ring,
      packetIdOffset: forms[0]?.packetIdOffset ?? -1,
      payloadOffset: forms[0]?.payloadOffset ?? 0,
    }
    this.#sentAt = new Float64Array(this.#places)
    const { messagesOfTransaction } = options
    this.#transactions =
      messagesOfTransaction === 0
        ? null
        : new TransactionRing(topics[0] ?? '', payloadBytes, messagesOfTransaction, window)
  }

  get isAcknowledged(): boolean {
    return this.#options.qos === 0 || this.#acknowledged === this.#sent
  }

  /** A message was delivered or acknowledged, so it may send more. */
  nudge(): void {
    if (this.#isAttended || this.#isStopped || this.#options.isPaced) return
    this.#isAttended = true
    this.#options.pulse.attend(this)
  }

  beat(): void {
    this.#isAttended = false
    const room = this.#room
    if (!this.#isStopped && room >= this.#options.batch) this.#send(room, microsecondsNow())
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Sends one message that is due. Returns false when the window is full. */
  sendOne(microseconds: number): boolean {
    if (this.#room < 1) return false
    this.#send(1, microseconds)
    return true
  }

  packet(first: number, bytes: Buffer, start: number): void {
    const type = first >> 4
    if (type === PUBREC) {
      this.#answers.add(PUBREL_BYTE, bytes[start] ?? 0, bytes[start + 1] ?? 0)
    } else if (type === PUBACK || type === PUBCOMP) {
      if (this.#isOfCommit()) return
      // Brokers acknowledge in order, so this acknowledgement is for the oldest message.
      const sentAt = this.#sentAt[this.#acknowledged % this.#places] ?? 0
      this.#options.acknowledgements.record(microsecondsBetween(sentAt, latestMicroseconds()))
      this.#acknowledged += 1
      this.nudge()
    }
  }

  /** Whether the answer that has come is that of a commit, behind those of its messages. */
  #isOfCommit(): boolean {
    if (this.#transactions === null) return false
    const { messages } = this.#transactions
    this.#answersOfTransaction = (this.#answersOfTransaction + 1) % (messages + 1)
    return this.#answersOfTransaction === 0
  }

  get #room(): number {
    const { window, receiversOfMessage, check, index, qos } = this.#options
    const delivered = Math.floor((check.delivered[index] ?? 0) / receiversOfMessage)
    const settled = qos === 0 ? delivered : Math.min(delivered, this.#acknowledged)
    return window - (this.#sent - settled)
  }

  #send(count: number, microseconds: number): void {
    if (this.#transactions !== null) {
      this.#sendTransactions(this.#transactions, count, microseconds)
      return
    }
    let left = count
    if (this.#first !== null) {
      this.#sendFirst(this.#first, microseconds)
      this.#first = null
      left -= 1
    }
    while (left > 0) {
      const place = this.#sent % this.#places
      const run = Math.min(left, this.#places - place)
      for (let offset = 0; offset < run; offset++) this.#stamp(place + offset, microseconds)
      this.#client.write(this.#ring.subarray(place * this.#size, (place + run) * this.#size))
      left -= run
    }
  }

  /** All in one write, as messages that are sent singly. */
  #sendTransactions(ring: TransactionRing, count: number, microseconds: number): void {
    const all: Buffer[] = []
    for (let left = count; left >= ring.messages; left -= ring.messages) {
      const placeOf = ring.begin()
      for (let index = 0; index < ring.messages; index++) {
        this.#stampForm(ring, placeOf(index), microseconds)
        this.#sentAt[this.#sent % this.#places] = microseconds
        this.#sent += 1
      }
      all.push(ring.packets)
    }
    const [only] = all
    this.#client.write(all.length === 1 && only !== undefined ? only : Buffer.concat(all))
  }

  /** Sends the only message with the topic. The packets of the ring have the alias. */
  #sendFirst(topic: string, microseconds: number): void {
    const { qos, payloadBytes } = this.#options
    const form = publishForm(topic, qos, payloadBytes, false, ALIAS_PROPERTIES)
    this.#stampForm(form, 0, microseconds)
    this.#client.write(form.bytes)
    this.#sentAt[0] = microseconds
    this.#sent = 1
  }

  #stamp(place: number, microseconds: number): void {
    this.#stampForm(this.#form, place * this.#size, microseconds)
    this.#sentAt[place] = microseconds
    this.#sent += 1
  }

  #stampForm(form: PublishForm, at: number, microseconds: number): void {
    const { index, check } = this.#options
    const { bytes, packetIdOffset, payloadOffset } = form
    const sequence = check.send(index)
    if (packetIdOffset >= 0) {
      const packetId = packetIdOf(sequence)
      bytes[at + packetIdOffset] = packetId >> 8
      bytes[at + packetIdOffset + 1] = packetId & 0xff
    }
    writeStamp(bytes, at + payloadOffset, index, sequence, microseconds)
  }
}
