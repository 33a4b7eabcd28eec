// What is counted of one named queue since the start of the broker.

export class QueueCounts {
  /** Messages that came in. */
  taken = 0
  handedOut = 0
  /** Acknowledged, or sent to a consumer at QoS 0. */
  settled = 0
  /** Given back by a consumer that left. */
  returned = 0
  refused = 0
  /** Not acknowledged within the deadline. */
  overdue = 0
  lateAcknowledgements = 0
  deadLetters = 0
  /** Dropped by an operator. */
  purged = 0
  /** Moved to another queue by an operator, or back to where a dead letter came from. */
  movedOut = 0
}
