// What was acknowledged to the publishers, and what arrived. It forgets what is complete, so that its memory is flat in an hour.

import type { QoS } from '../src/packet/packet.ts'
import { type Part, payloadOf, TransactionLedger } from './transaction-ledger.ts'

/** `in-order`: each receiver gets all of a stream. `shared`: one of the receivers gets each message. `once`: each comes exactly once, in any order. */
export type Rule = 'in-order' | 'shared' | 'once'

const FINDINGS_KEPT = 100

export class Ledger {
  /** What must not be, as sentences. */
  readonly findings: string[] = []
  /** How often there was something that must not be. */
  findingCount = 0
  acknowledged = 0
  received = 0
  /** Messages that came once more, which QoS 1 allows. */
  repeated = 0
  /** The last number that each receiver has of each stream, and for shared streams what nobody has yet. */
  readonly #last = new Map<string, number>()
  readonly #missing = new Map<string, Set<number>>()
  readonly #early = new Map<string, Set<number>>()
  readonly #sent = new Map<string, number>()
  /** Of streams whose messages come once, in any order: all up to this number have come, and these above it. */
  readonly #whole = new Map<string, number>()
  readonly #above = new Map<string, Set<number>>()
  readonly transactions = new TransactionLedger(sentence => this.found(sentence))

  found(sentence: string): void {
    this.findingCount += 1
    if (this.findings.length < FINDINGS_KEPT) this.findings.push(sentence)
  }

  /** The publisher has the acknowledgement of this message, and of all before it. */
  acknowledge(stream: string, number: number, rule: Rule): void {
    this.acknowledged += 1
    this.#sent.set(stream, Math.max(number, this.#sent.get(stream) ?? 0))
    if (rule !== 'shared') return
    if (setOf(this.#early, stream).delete(number)) return
    setOf(this.#missing, stream).add(number)
  }

  /** A receiver of all messages of the stream, which has the numbers 1, 2, 3 and so on. */
  receive(stream: string, number: number, receiver: string, qos: QoS): void {
    this.received += 1
    const key = `${stream} ${receiver}`
    const last = this.#last.get(key) ?? 0
    if (number > last + 1) {
      this.found(`${receiver} got ${stream} ${number} after ${last}: some are missing`)
    }
    if (number <= last) {
      this.repeated += 1
      if (qos === 2) this.found(`${receiver} got ${stream} ${number} after ${last} at QoS 2`)
    }
    this.#last.set(key, Math.max(last, number))
  }

  /** A receiver that shares the stream with others has worked on this message. */
  work(stream: string, number: number): void {
    this.received += 1
    if (setOf(this.#missing, stream).delete(number)) return
    // The publisher may hear later than the worker that the message is stored.
    if (number > (this.#sent.get(stream) ?? 0)) setOf(this.#early, stream).add(number)
    else this.repeated += 1
  }

  /** A message of a transaction. */
  receivePart(receiver: string, part: Part, qos: QoS): void {
    this.received += 1
    if (this.transactions.receive(receiver, part)) return
    this.repeated += 1
    if (qos === 2) this.found(`${receiver} got ${part.stream} ${payloadOf(part)} again at QoS 2`)
  }

  /** A message that must come exactly once, in whatever order, has come. */
  receiveOnce(stream: string, number: number): void {
    this.received += 1
    const above = setOf(this.#above, stream)
    let whole = this.#whole.get(stream) ?? 0
    if (number <= whole || above.has(number)) {
      this.found(`${stream} ${number} came twice, which must come once`)
      return
    }
    above.add(number)
    while (above.delete(whole + 1)) whole += 1
    this.#whole.set(stream, whole)
  }

  /** The newest message of a stream of which older ones may be left out. `mayRepeat`: and may be published again. */
  receiveNewest(stream: string, number: number, receiver: string, mayRepeat: boolean): void {
    this.received += 1
    const key = `${stream} ${receiver}`
    const last = this.#last.get(key) ?? 0
    if (number <= last && !mayRepeat)
      this.found(`${receiver} got ${stream} ${number} after ${last}`)
    this.#last.set(key, Math.max(last, number))
  }

  /** What receivers have not got, at the end. */
  outstanding(receiversOf: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const found: string[] = []
    for (const [stream, numbers] of this.#missing) {
      if (numbers.size > 0) found.push(`nobody has worked on ${numbers.size} of ${stream}`)
    }
    for (const [stream, whole] of this.#whole) {
      const sent = this.#sent.get(stream) ?? 0
      if (whole < sent) found.push(`of ${stream} ${whole + 1} has not come, of ${sent}`)
    }
    found.push(...this.transactions.outstanding())
    for (const [stream, sent] of this.#sent) {
      for (const receiver of receiversOf.get(stream) ?? []) {
        const last = this.#last.get(`${stream} ${receiver}`) ?? 0
        if (last < sent) found.push(`${receiver} has ${stream} up to ${last} of ${sent}`)
      }
    }
    return found
  }
}

function setOf(map: Map<string, Set<number>>, stream: string): Set<number> {
  let numbers = map.get(stream)
  if (numbers === undefined) map.set(stream, (numbers = new Set()))
  return numbers
}
