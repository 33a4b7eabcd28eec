// Another partition as a target of messages here. It has two: one for its filters that are wanted durably, one for the others.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import type { Target } from '../session/target.ts'

/** The line to the partition. */
export interface PartitionWay {
  readonly isFull: boolean
  deliver(message: Message, isDurable: boolean, commitId: CommitId): void
}

interface TargetContext {
  /** Whether a message of another partition is being published here. It came to each partition that wants it from there. */
  readonly isApplying: boolean
  /** Whether a queue of another partition has no room for what is published to the topic. */
  readonly queues: { refuses(topic: string): boolean }
}

export class PartitionTarget implements Target {
  /** No Local is of clients, and each has one partition. */
  readonly clientId = null
  readonly #way: PartitionWay
  readonly #context: TargetContext
  readonly #isDurable: boolean

  constructor(way: PartitionWay, context: TargetContext, isDurable: boolean) {
    this.#way = way
    this.#context = context
    this.#isDurable = isDurable
  }

  get isDurable(): boolean {
    return this.#isDurable && !this.#context.isApplying
  }

  hasRoomFor({ topic }: Message): boolean {
    return !this.#way.isFull && !this.#context.queues.refuses(topic)
  }

  deliver(message: Message, _options: unknown, commitId: CommitId): void {
    if (!this.#context.isApplying) this.#way.deliver(message, this.#isDurable, commitId)
  }
}
