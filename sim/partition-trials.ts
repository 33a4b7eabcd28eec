// The parts that a world of partitions is made of, and faults in them that the oracle must detect.

import { decodeFrame, withStarts } from '../src/partition/frame.ts'
import type { Partitions } from '../src/partition/partitions.ts'
import type { Lent } from '../src/partition/queue-item.ts'
import type { Change } from '../src/store/change.ts'
import type { SimDisk } from './sim-disk.ts'
import { SingleFileCore } from './single-file-core.ts'
import type { StoreCore } from './store-core.ts'
import { PLAIN, REAL } from './trials.ts'
import type { ActionName, WorldSettings } from './world-settings.ts'

export interface PartitionTrial {
  readonly makeCore: (disk: SimDisk, settings: WorldSettings) => StoreCore
  /** Makes a fault in a partition that starts. */
  readonly spoils?: (partitions: Partitions) => void
  /** Makes a world in which the fault shows soon. */
  readonly shapes?: (settings: WorldSettings) => WorldSettings
  readonly traces?: boolean
}

export const REAL_PARTITIONS: PartitionTrial = { makeCore: REAL.makeCore }

export const PLAIN_PARTITIONS: PartitionTrial = { makeCore: PLAIN.makeCore }

/** Brokers end all the time. */
function endsOften(settings: WorldSettings): WorldSettings {
  const { weights, durability } = settings
  const armCut = durability === 'os' ? 0 : 20
  return {
    ...settings,
    commitMs: 30,
    retains: 0,
    weights: { ...weights, connect: 20, publish: 40, subscribe: 10, kill: 10, armCut, wait: 0 },
  }
}

/** What is owed is sent, and acknowledged, before its commit. */
export const SENDS_BEFORE_COMMIT: PartitionTrial = {
  ...PLAIN_PARTITIONS,
  shapes: endsOften,
  spoils: partitions => {
    const flush = partitions.flush.bind(partitions)
    partitions.flush = () => flush(Number.MAX_SAFE_INTEGER)
  },
}

/** Clients come before the filters of the others are known. */
export const ADMITS_EARLY: PartitionTrial = {
  ...PLAIN_PARTITIONS,
  spoils: partitions => {
    Object.defineProperty(partitions, 'isComplete', { value: true })
  },
}

/** Frames of earlier starts, and for them, are taken for present ones. */
export const WITHOUT_EPOCHS: PartitionTrial = {
  ...PLAIN_PARTITIONS,
  spoils: partitions => {
    const received = partitions.received.bind(partitions)
    const newest = new Map<number, number>()
    partitions.received = bytes => {
      const frame = decodeFrame(bytes)
      const { from, sender, receiver } = frame
      const epoch = Math.max(sender.epoch, newest.get(from) ?? 0)
      newest.set(from, epoch)
      // A partition that knows of no start asks, which it must still be able to.
      const start = receiver.epoch === 0 ? receiver : partitions.start
      received(withStarts(frame, { ...sender, epoch }, start))
    }
  },
}

/** The number under which a store has its own partition. */
const SELF = 65_535

class ForgetfulCore extends SingleFileCore {
  override commit(changes: readonly Change[]): void {
    super.commit(
      changes.filter(change => change.kind !== 'partition-reached' || change.partition === SELF),
    )
  }
}

/** Nobody stores which messages of the others are applied. */
export const FORGETS_APPLIED: PartitionTrial = {
  makeCore: disk => new ForgetfulCore(disk, true),
}

/** SUBACK does not wait for the other partitions. */
export const TELLS_EARLY: PartitionTrial = {
  ...PLAIN_PARTITIONS,
  spoils: partitions => {
    partitions.whenTold = answer => answer()
  },
}

/** Clients do nothing but subscribe and publish what is to be retained. */
function retainsAll(settings: WorldSettings): WorldSettings {
  const nothing = { ...settings.weights }
  for (const action of Object.keys(nothing) as ActionName[]) nothing[action] = 0
  return {
    ...settings,
    retains: 1,
    topics: ['t/a', 't/b', 't/c/d', 's/a', 's/b', 's/c', 't/d'],
    steps: 40,
    paceMs: 20,
    weights: { ...nothing, connect: 10, publish: 40, subscribe: 10 },
  }
}

/** What is published with RETAIN is acknowledged before the partition of its topic has it. */
export const KEEPS_LATE: PartitionTrial = {
  ...PLAIN_PARTITIONS,
  shapes: retainsAll,
  spoils: partitions => {
    partitions.whenKept = () => false
  },
}

/** Clients are members of share groups, leave and come, and partitions end. */
function sharesAll(settings: WorldSettings): WorldSettings {
  const { weights } = endsOften(settings)
  return {
    ...settings,
    filters: ['$share/g/t/#', '$share/h/#'],
    topics: ['t/a', 't/b', 't/c/d'],
    retains: 0,
    weights: { ...weights, subscribe: 15, leave: 5, cut: 10 },
  }
}

class HoldingCore extends SingleFileCore {
  override commit(changes: readonly Change[]): void {
    super.commit(changes.filter(change => change.kind !== 'moved'))
  }
}

/** A share group keeps in its log what it has handed to another partition. */
export const HANDS_OUT_TWICE: PartitionTrial = {
  makeCore: disk => new HoldingCore(disk, true),
  shapes: sharesAll,
}

/** What a member elsewhere did not take does not come back to its group. */
export const KEEPS_WHAT_WAS_HANDED_OUT: PartitionTrial = {
  ...PLAIN_PARTITIONS,
  shapes: sharesAll,
  spoils: partitions => {
    partitions.groups.givesBack = () => {}
  },
}

/** What is lent to a consumer elsewhere counts as acknowledged. */
export const SETTLES_WHAT_IS_LENT: PartitionTrial = {
  ...PLAIN_PARTITIONS,
  spoils: partitions => {
    const lent: [number, Lent][] = []
    for (const other of partitions.others) {
      const link = partitions.linkTo(other)
      const say = link.say.bind(link)
      link.say = item => {
        if (item.kind === 'lent') lent.push([other, item])
        say(item)
      }
    }
    const tick = partitions.tick.bind(partitions)
    partitions.tick = () => {
      tick()
      for (const [other, { queue, clientId, attachment, packetId }] of lent.splice(0)) {
        const names = { queue, clientId, attachment, packetId }
        partitions.queues.said(other, { kind: 'answered', ...names, isRefused: false })
      }
    }
  },
}

/** Only the first page of what is retained is given. */
export const GIVES_ONE_PAGE: PartitionTrial = {
  ...PLAIN_PARTITIONS,
  shapes: retainsAll,
  spoils: partitions => {
    const took = partitions.took.bind(partitions)
    partitions.took = (partition, item) => {
      if (item.kind !== 'retained-more') took(partition, item)
    }
  },
}
