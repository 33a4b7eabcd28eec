// Messages of QoS 0 from one other partition, beside its stream. What came late is dropped: it would overtake.

import type { Message } from '../message.ts'
import type { Frame } from './frame.ts'
import type { PartitionStatistics } from './partition-statistics.ts'

export class IncomingQoS0 {
  readonly #statistics: PartitionStatistics
  #next = 1

  constructor(statistics: PartitionStatistics) {
    this.#statistics = statistics
  }

  /** The other partition has started. */
  restart(): void {
    this.#next = 1
  }

  /** Returns those of the frame that are not late. */
  take({ firstBeside, beside }: Frame): readonly Message[] {
    if (firstBeside < this.#next) return []
    this.#skip(firstBeside)
    this.#next += beside.length
    return beside
  }

  /** A message of QoS 0 in the stream: those beside that were sent before it come no more. */
  pass({ firstBeside, beside }: Frame): void {
    this.#skip(firstBeside + beside.length)
  }

  #skip(next: number): void {
    if (next <= this.#next) return
    this.#statistics.qos0Lost += next - this.#next
    this.#next = next
  }
}
