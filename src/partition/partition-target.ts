// Another partition as a target of messages here. It has two: one for its filters that are wanted durably, one for the others.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import type { Target } from '../session/target.ts'

/** The line to the partition. */
export interface PartitionWay {
  /** Whether a message of another partition is being published here. It came to each partition that wants it from there. */
  readonly isApplying: boolean
  readonly isFull: boolean
  deliver(message: Message, isDurable: boolean, commitId: CommitId): void
}

export class PartitionTarget implements Target {
  /** No Local is of clients, and each has one partition. */
  readonly clientId = null
  readonly #way: PartitionWay
  readonly #isDurable: boolean

  constructor(way: PartitionWay, isDurable: boolean) {
    this.#way = way
    this.#isDurable = isDurable
  }

  get isDurable(): boolean {
    return this.#isDurable && !this.#way.isApplying
  }

  hasRoomFor(): boolean {
    return !this.#way.isFull
  }

  deliver(message: Message, _options: unknown, commitId: CommitId): void {
    if (!this.#way.isApplying) this.#way.deliver(message, this.#isDurable, commitId)
  }
}
