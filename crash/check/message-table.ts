// The state of each message since the last check.

import type { QoS } from '../../src/packet/packet.ts'
import type { LoggedEvent, PublishingEvent } from '../event.ts'

export interface TrackedMessage {
  readonly publisher: string
  readonly sequence: number
  readonly topic: string
  readonly qos: QoS
  /** The line of the event log at which its first PUBLISH was sent. */
  readonly sentAt: number
  isAccepted: boolean
  /** The line at which PUBACK or PUBCOMP came: the broker has routed the message by then. */
  settledAt: number
}

export class MessageTable {
  readonly #messages = new Map<string, TrackedMessage>()
  /** The highest sequence of each publisher that was checked. */
  readonly #closed = new Map<string, number>()
  acceptedQoS1 = 0
  acceptedQoS2 = 0
  refused = 0

  get all(): IterableIterator<TrackedMessage> {
    return this.#messages.values()
  }

  see(event: LoggedEvent, at: number): void {
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

  /** All messages were checked: their states are not needed any more. */
  close(): void {
    for (const { publisher, sequence } of this.#messages.values()) {
      this.#closed.set(publisher, Math.max(sequence, this.#closed.get(publisher) ?? 0))
    }
    this.#messages.clear()
  }

  #publishing({ publisher, sequence, topic, qos, isEmpty }: PublishingEvent, at: number): void {
    // A message that clears a retained message has no payload, so it has no id.
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
