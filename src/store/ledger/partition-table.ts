// How far each partition's log is applied here, and the id of this one's log.

import type { PartitionReach } from '../store.ts'
import { type ImagedEntry, ImagedMap } from './imaged-map.ts'

type PartitionEntry = PartitionReach & ImagedEntry

export class PartitionTable {
  readonly #all = new ImagedMap<number, PartitionEntry>()

  get all(): Iterable<PartitionReach> {
    return reachesOf(this.#all)
  }

  get(partition: number): PartitionReach | undefined {
    return this.#all.get(partition)
  }

  set(reach: PartitionReach): void {
    const { partition } = reach
    this.#all.delete(partition)
    this.#all.set(partition, { ...reach, image: 0 })
  }

  beginImage(): void {
    this.#all.beginImage()
  }

  endImage(): void {
    this.#all.endImage()
  }

  imageEntries(): Iterable<PartitionReach> {
    return reachesOf(this.#all.imageEntries())
  }
}

function* reachesOf(
  entries: Iterable<readonly [number, PartitionEntry]>,
): Iterable<PartitionReach> {
  for (const [, { partition, log, number }] of entries) yield { partition, log, number }
}
