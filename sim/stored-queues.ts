// What the store has of named queues: which messages may be on disk, how often each delivery was handed out, and which are settled.

import type { Change } from '../src/store/change.ts'
import { idIn } from './history.ts'
import type { CommitObserver } from './sim-store.ts'

/** A delivery in the store. */
interface Stored {
  readonly sequence: number
  readonly id: string
  handOuts: number
  isSettled: boolean
}

export class StoredQueues implements CommitObserver {
  /** Messages by queue and id. */
  readonly #onDisk = new Set<string>()
  readonly #idOf = new Map<number, string>()
  readonly #stored = new Map<number, Stored>()
  readonly #bySequence = new Map<string, Stored>()
  /** The ids of deliveries that were being committed when the broker died. If they are not on disk, others get their numbers. */
  readonly #perhaps = new Map<number, string>()
  #committing: readonly Change[] = []

  /** Whether the message may be in the store of the queue. */
  mayHave(queue: string, id: string): boolean {
    return this.#onDisk.has(`${queue} ${id}`)
  }

  /** Returns the delivery of a message, if that has this id. */
  find(queue: string, sequence: number, id: string): Readonly<Stored> | null {
    const stored = this.#bySequence.get(`${queue} ${sequence}`)
    return stored?.id === id ? stored : null
  }

  commits(changes: readonly Change[]): void {
    this.#committing = changes
  }

  committed(): void {
    for (const change of this.#committing) this.#apply(change)
    this.#committing = []
  }

  /** What was being committed may be on disk. If it is not, its numbers are used again, so nothing more is said of them. */
  died(): void {
    for (const change of this.#committing) {
      this.#mayBeOnDisk(change)
      if (change.kind === 'queued' && change.owner.kind === 'queue')
        this.#perhaps.set(change.delivery, this.#idOf.get(change.sequence) ?? '')
    }
    this.#committing = []
  }

  #apply(change: Change): void {
    this.#mayBeOnDisk(change)
    if (change.kind === 'queued' && change.owner.kind === 'queue') {
      const { sequence, delivery, owner } = change
      const id = this.#idOf.get(sequence) ?? ''
      this.#keep(delivery, owner.name, { sequence, id, handOuts: 0, isSettled: false })
    } else if (change.kind === 'sent') {
      const stored = this.#stored.get(change.delivery)
      if (stored !== undefined) stored.handOuts += 1
    } else if (change.kind === 'settled') {
      const stored = this.#stored.get(change.delivery)
      if (stored !== undefined) stored.isSettled = true
    } else if (change.kind === 'queue-ended') {
      for (const [key, stored] of this.#bySequence) {
        if (key.startsWith(`${change.name} `)) stored.isSettled = true
      }
    } else if (change.kind === 'moved' && change.to.kind === 'queue') {
      this.#moved(change, change.to.name)
    }
  }

  #moved({ delivery, owner, moved, handOuts }: Change & { kind: 'moved' }, to: string): void {
    const stored = this.#stored.get(delivery)
    this.#stored.delete(delivery)
    this.#perhaps.delete(delivery)
    if (stored === undefined) return
    if (owner.kind === 'queue') this.#bySequence.delete(`${owner.name} ${stored.sequence}`)
    stored.handOuts = handOuts
    this.#keep(moved, to, stored)
  }

  #mayBeOnDisk(change: Change): void {
    if (change.kind === 'message-stored') {
      this.#idOf.set(change.message.sequence, idIn(change.message.payload))
    } else if (change.kind === 'queued' && change.owner.kind === 'queue') {
      this.#onDisk.add(`${change.owner.name} ${this.#idOf.get(change.sequence) ?? ''}`)
    } else if (change.kind === 'moved' && change.to.kind === 'queue') {
      const id = this.#stored.get(change.delivery)?.id ?? this.#perhaps.get(change.delivery)
      if (id === undefined) return
      this.#onDisk.add(`${change.to.name} ${id}`)
      if (!this.#stored.has(change.delivery)) this.#perhaps.set(change.moved, id)
    }
  }

  #keep(delivery: number, queue: string, stored: Stored): void {
    this.#perhaps.delete(delivery)
    this.#stored.set(delivery, stored)
    this.#bySequence.set(`${queue} ${stored.sequence}`, stored)
  }
}
