// A client that receives messages, reports them to the delivery check, and acknowledges them.

import { Answers, PUBACK_BYTE, PUBCOMP_BYTE, PUBREC_BYTE } from './answers.ts'
import { latestMicroseconds, microsecondsBetween } from './clock.ts'
import type { Client, Role } from './client.ts'
import type { Histogram } from './histogram.ts'
import type { SequenceCheck } from './sequence-check.ts'
import { PUBLISH, PUBREL } from './packets.ts'
import type { Publisher } from './publisher.ts'
import type { Pulse } from './pulse.ts'
import { MARK, readUint32 } from './stamp.ts'

export interface SubscriberOptions {
  readonly index: number
  readonly payloadBytes: number
  readonly isVersion5: boolean
  readonly publishers: readonly Publisher[]
  readonly check: SequenceCheck
  readonly latencies: Histogram
  readonly pulse: Pulse
}

export class Subscriber implements Role {
  readonly #options: SubscriberOptions
  readonly #answers: Answers

  constructor(client: Client, options: SubscriberOptions) {
    this.#options = options
    this.#answers = new Answers(client, options.pulse)
  }

  packet(first: number, bytes: Buffer, start: number, end: number): void {
    const type = first >> 4
    if (type === PUBLISH) this.#publish((first >> 1) & 3, bytes, start, end)
    else if (type === PUBREL) {
      this.#answers.add(PUBCOMP_BYTE, bytes[start] ?? 0, bytes[start + 1] ?? 0)
    }
  }

  #publish(qos: number, bytes: Buffer, start: number, end: number): void {
    const { index, payloadBytes, isVersion5, check, publishers, latencies } = this.#options
    const idAt = start + 2 + (((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0))
    const behindId = qos === 0 ? idAt : idAt + 2
    // The generator's properties have fewer than 128 bytes.
    const payloadAt = isVersion5 ? behindId + 1 + (bytes[behindId] ?? 0) : behindId
    if (end - payloadAt !== payloadBytes || readUint32(bytes, payloadAt + 12) !== MARK) {
      check.complain(`subscriber ${index} got a payload of ${end - payloadAt} bytes, not ours`)
      return
    }
    const publisher = readUint32(bytes, payloadAt)
    check.arrived(index, publisher, readUint32(bytes, payloadAt + 4))
    latencies.record(microsecondsBetween(readUint32(bytes, payloadAt + 8), latestMicroseconds()))
    publishers[publisher]?.nudge()
    if (qos > 0) {
      const answer = qos === 1 ? PUBACK_BYTE : PUBREC_BYTE
      this.#answers.add(answer, bytes[idAt] ?? 0, bytes[idAt + 1] ?? 0)
    }
  }
}
