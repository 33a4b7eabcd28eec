// What is known of each message that is not accounted for yet.

import type { QoS } from '../../src/packet/packet.ts'
import type { LedgerEvent, PublishingEvent } from '../event.ts'

export interface TrackedMessage {
  readonly publisher: string
  readonly sequence: number
  readonly topic: string
  readonly qos: QoS
  /** Its first PUBLISH left at this line of the ledger. */
  readonly sentAt: number
  isAccepted: boolean
  /** PUBACK or PUBCOMP came: the broker has routed it by then. */
  settledAt: number
}

export class MessageTable {
  readonly #messages = new Map<string, TrackedMessage>()
  /** The highest number of each publisher that was accounted for. */
  readonly #closed = new Map<string, number>()
  acceptedQoS1 = 0
  acceptedQoS2 = 0
  refused = 0

  get all(): IterableIterator<TrackedMessage> {
    return this.#messages.values()
  }

  see(event: LedgerEvent, at: number): void {
    switch (event.kind) {
      case 'publishing':
        this.#publishing(event, at)
        return
      case 'accepted':
        this.#accepted(this.find(event.publisher, event.sequence))
        return
      case 'settled': {
        const message = this.find(event.publisher, event.sequence)
        if (message !== undefined) message.settledAt = at
        return
      }
      case 'refused':
        this.refused += 1
        return
      default:
    }
  }

  find(publisher: string, sequence: number): TrackedMessage | undefined {
    return this.#messages.get(`${publisher}/${sequence}`)
  }

  isClosed(publisher: string, sequence: number): boolean {
    return sequence <= (this.#closed.get(publisher) ?? 0)
  }

  /** All is accounted for: what is known of single messages is not needed any more. */
  close(): void {
    for (const { publisher, sequence } of this.#messages.values()) {
      this.#closed.set(publisher, Math.max(sequence, this.#closed.get(publisher) ?? 0))
    }
    this.#messages.clear()
  }

  #publishing({ publisher, sequence, topic, qos, isEmpty }: PublishingEvent, at: number): void {
    // What clears a retained message has no payload that could say which one it was.
    if (isEmpty) return
    const message = { publisher, sequence, topic, qos, sentAt: at }
    const key = `${publisher}/${sequence}`
    this.#messages.set(key, { ...message, isAccepted: false, settledAt: Infinity })
  }

  #accepted(message: TrackedMessage | undefined): void {
    if (message === undefined || message.isAccepted) return
    message.isAccepted = true
    if (message.qos === 2) this.acceptedQoS2 += 1
    else this.acceptedQoS1 += 1
  }
}
