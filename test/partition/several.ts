// Several partitions in one process. Their frames wait until a test delivers them.

import { Partitions } from '../../src/partition/partitions.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { Pond, type PondOptions } from '../pond.ts'

export interface Way {
  readonly from: number
  readonly to: number
  readonly bytes: Buffer
}

interface SeveralOptions {
  readonly count?: number
  readonly stores?: readonly Store[]
  readonly lineBytesMax?: number
  readonly pond?: PondOptions
}

interface Running {
  readonly pond: Pond
  readonly partitions: Partitions
}

export class Several {
  readonly stores: readonly Store[]
  readonly count: number
  /** In the order in which they were sent. */
  frames: Way[] = []
  /** Why frames were not applied. */
  readonly sentences: string[] = []
  readonly #options: SeveralOptions
  readonly #running = new Map<number, Running>()
  #logs = 0

  constructor(options: SeveralOptions = {}) {
    this.#options = options
    this.count = options.count ?? 2
    this.stores = options.stores ?? Array.from({ length: this.count }, () => new MemoryStore())
  }

  /** Partitions that know each other. */
  static async joined(options: SeveralOptions = {}): Promise<Several> {
    const several = new Several(options)
    for (let index = 0; index < several.count; index++) await several.starts(index)
    several.delivers()
    return several
  }

  /** Starts the partition on what its store has. The one before it, if there is one, is gone without a word. */
  async starts(partition: number): Promise<void> {
    const store = this.stores[partition]
    if (store === undefined) throw new Error(`there is no partition ${partition}`)
    if (this.#running.has(partition)) await store.close()
    const snapshot = await store.open()
    const { pond: options, lineBytesMax } = this.#options
    const made: Partitions[] = []
    const pond = new Pond({
      ...options,
      store,
      snapshot,
      joins: ({ broker, turn }) => {
        const partitions = new Partitions({
          broker,
          partition,
          count: this.count,
          newLogId: () => (this.#logs += 1),
          ...(lineBytesMax !== undefined && { lineBytesMax }),
          host: {
            begin: () => turn.begin(),
            requestFlush: flushed => turn.requestFlush(flushed),
            send: (to, bytes) => this.frames.push({ from: partition, to, bytes }),
            unreadable: sentence => this.sentences.push(sentence),
            complete: () => turn.begin(),
          },
        })
        made.push(partitions)
        return partitions
      },
    })
    const [partitions] = made
    if (partitions === undefined) throw new Error('the pond has made no partition')
    this.#running.set(partition, { pond, partitions })
  }

  pond(partition: number): Pond {
    return this.#at(partition).pond
  }

  partitions(partition: number): Partitions {
    return this.#at(partition).partitions
  }

  arrives({ to, bytes }: Way): void {
    const running = this.#running.get(to)
    if (running === undefined) return
    running.partitions.received(bytes)
    running.pond.settles()
  }

  /** Delivers all frames, and those that they cause. */
  delivers(): void {
    for (let way = this.frames.shift(); way !== undefined; way = this.frames.shift()) {
      this.arrives(way)
    }
  }

  /** All frames on their way are lost. */
  loses(): readonly Way[] {
    return this.frames.splice(0)
  }

  /** Time passes without an answer: what may be lost is sent again. */
  ticks(partition: number): void {
    for (let times = 0; times < 2; times++) {
      this.partitions(partition).tick()
      this.pond(partition).settles()
    }
  }

  #at(partition: number): Running {
    const running = this.#running.get(partition)
    if (running === undefined) throw new Error(`partition ${partition} does not run`)
    return running
  }
}
