// What is counted of one named queue since the start of the broker.

import { QueueAges } from './queue-ages.ts'

// Wide on purpose: each field is one counter.
export class QueueCounts {
  readonly ages: QueueAges = new QueueAges()
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
  /** Messages that found it full: the oldest became a dead letter, or they were refused. */
  overflowed = 0
  /** Dropped because a newer one of the key came (`latestByKey`). */
  replaced = 0
  /** Dropped by an operator. */
  purged = 0
  /** Moved to another queue by an operator, or back to where a dead letter came from. */
  movedOut = 0

  /** A message came in, with this number. */
  tookIn(number: number, now: number): void {
    this.taken += 1
    this.ages.came(number, now)
  }
}
