// Checks every delivery against what was sent. A message that is lost, comes twice or comes out of order is reported as a
// problem and makes the run invalid.

export type Reach = 'every-subscriber' | 'one-of-the-group'

const PROBLEMS_MAX = 5

/** How many messages of a publisher may be outstanding in a group. It is a power of two. */
const RING = 4_096

export class SequenceCheck {
  readonly problems: string[] = []
  readonly sent: Float64Array
  /** The deliveries of each publisher's messages, to all subscribers together. */
  readonly delivered: Float64Array
  deliveries = 0
  readonly #reach: Reach
  readonly #publishers: number
  /** The sequence that each subscriber expects next from each publisher; in a group, the lowest that may come. */
  readonly #next: Uint32Array
  /** In a group: the outstanding messages, by publisher and sequence. */
  readonly #onWay: Uint8Array

  constructor(publishers: number, subscribers: number, reach: Reach) {
    this.#reach = reach
    this.#publishers = publishers
    this.sent = new Float64Array(publishers)
    this.delivered = new Float64Array(publishers)
    this.#next = new Uint32Array(publishers * subscribers)
    this.#onWay = new Uint8Array(reach === 'one-of-the-group' ? publishers * RING : 0)
  }

  /** Counts a message as sent and returns its sequence. */
  send(publisher: number): number {
    const sequence = this.sent[publisher] ?? 0
    this.sent[publisher] = sequence + 1
    if (this.#reach === 'one-of-the-group') {
      const place = publisher * RING + (sequence % RING)
      if (this.#onWay[place] === 1) this.complain(`publisher ${publisher} is ${RING} ahead`)
      this.#onWay[place] = 1
    }
    return sequence
  }

  arrived(subscriber: number, publisher: number, sequence: number): void {
    if (publisher >= this.#publishers) {
      this.complain(`subscriber ${subscriber} got a message that nobody sent`)
      return
    }
    this.deliveries += 1
    this.delivered[publisher] = (this.delivered[publisher] ?? 0) + 1
    const place = subscriber * this.#publishers + publisher
    const awaited = this.#next[place] ?? 0
    this.#next[place] = sequence + 1
    if (this.#reach === 'one-of-the-group') this.#arrivedOnce(publisher, sequence, awaited)
    else if (sequence !== awaited) this.#outOfOrder(subscriber, publisher, sequence, awaited)
  }

  /** Returns how many deliveries are missing, if each message goes to this many subscribers. */
  missing(receiversOfMessage: number): number {
    let total = 0
    for (const count of this.sent) total += count * receiversOfMessage
    return total - this.deliveries
  }

  complain(sentence: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(sentence)
  }

  #arrivedOnce(publisher: number, sequence: number, least: number): void {
    const place = publisher * RING + (sequence % RING)
    if (this.#onWay[place] !== 1) {
      this.complain(`message ${sequence} of publisher ${publisher} came to the group twice`)
    }
    this.#onWay[place] = 0
    if (sequence < least) {
      this.complain(`a member got message ${sequence} of publisher ${publisher} after a newer one`)
    }
  }

  #outOfOrder(subscriber: number, publisher: number, sequence: number, awaited: number): void {
    const what =
      sequence < awaited ? 'came again or too late' : 'came too early, or others are lost'
    const which = `subscriber ${subscriber}, publisher ${publisher}`
    this.complain(`${which}: message ${sequence} ${what}, ${awaited} was awaited`)
  }
}
