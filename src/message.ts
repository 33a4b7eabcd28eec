// An Application Message: what the broker exists to move. It is never changed after it was published.

import type { Properties, QoS } from './packet/packet.ts'

export interface Message {
  /** Always a full topic name: an alias was resolved before this was made. */
  readonly topic: string
  /** Owns its bytes, or shares them with a socket chunk until `keep` is called. */
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
