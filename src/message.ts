// An Application Message: what the broker exists to move. It is never changed after it was published.

import type { Properties, QoS } from './packet/packet.ts'

export interface Message {
  /** Always a full topic name: an alias was resolved before this was made. */
  readonly topic: string
  /** At QoS 0 it may lie in memory that a socket only lent: see `owningBytes`. */
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  /** What is forwarded unaltered: payload format, content type, response topic, correlation data, user properties. */
  readonly properties: Properties
  /** Client id of the publisher; null when the broker itself speaks. */
  readonly publisher: string | null
  /** Milliseconds of the broker's clock after which it is not delivered any more; Infinity for never. */
  readonly expiresAt: number
  /** The place in the order of all messages of this broker; also its name in the store. Starts at 1. */
  readonly sequence: number
}

/** The message as it may be kept: at QoS 0 its payload may lie in memory that a socket lent for a moment. */
export function owningBytes(message: Message): Message {
  // These were given memory of their own as they were decoded.
  if (message.qos > 0 || message.retain) return message
  return { ...message, payload: Buffer.from(message.payload) }
}
