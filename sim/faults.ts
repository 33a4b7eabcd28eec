// What a store makes of a disk that fails at one call, or from one call on; and of files whose bytes have changed.

import { isDeepStrictEqual } from 'node:util'
import type { Change } from '../src/store/change.ts'
import { DurableState } from '../src/store-kit/durable-state.ts'
import { LogStore } from '../src/store/log/log-store.ts'
import { DiskFull, StoreDamaged } from '../src/store/log/store-damaged.ts'
import type { Snapshot, StoredDelivery } from '../src/store/store.ts'
import { Dice } from './dice.ts'
import { inOrder, OWNERS, RandomChanges } from './random-changes.ts'
import { type Fault, SimDisk } from './sim-disk.ts'

const PAGE_MESSAGES = 7
const OPTIONS = {
  segmentBytes: 8_192,
  checkpointBytes: 6_000,
  pageMessages: PAGE_MESSAGES,
  reserveBytes: 0,
  salt: () => 0x5a17,
}
/** So many that a run makes more than 2,000 calls of the disk. */
const COMMITS = 750
/** Commits after which it is quiet for a moment. */
const RESTS_EVERY = 25
/** How often a commit that found no room is tried again. */
const TRIES = 4

export const FAULTS: readonly Fault[] = [
  { code: 'ENOSPC' },
  { code: 'EIO' },
  { code: 'EMFILE' },
  'short',
]

export interface FaultPlan {
  /** The call that fails, from 1. */
  readonly call: number
  readonly fault: Fault
  /** It and all that follow. */
  readonly persists: boolean
  /** `os` for a store that does not sync: the sweep must find it guilty. */
  readonly durability?: 'fsync' | 'os'
}

export interface FaultOutcome {
  readonly acknowledged: number
  readonly calls: number
  /** What is wrong, or null. */
  readonly violation: string | null
}

/** Runs a store against the plan, lets the power go, and asks the store on a healthy disk what it has kept. */
export function runFault(plan: FaultPlan): FaultOutcome {
  const dice = new Dice(plan.call)
  const disk = new SimDisk({ dice })
  disk.fault = (_call, count) =>
    count === plan.call || (plan.persists && count > plan.call) ? plan.fault : null
  const model = new DurableState(PAGE_MESSAGES)
  const { acknowledged, pending } = commitAll(disk, model, plan.durability ?? 'fsync')
  const { calls } = disk
  disk.fault = null
  if (dice.chance(2)) disk.crashes()
  else disk.processDies()
  const violation = judged(() => keptAll(disk, model, pending))
  return { acknowledged, calls, violation }
}

/** A store that cannot be opened any more has kept nothing. */
function judged(judge: () => string | null): string | null {
  try {
    return judge()
  } catch (error) {
    if (error instanceof StoreDamaged) return error.message
    throw error
  }
}

interface Committed {
  readonly acknowledged: number
  /** Handed over and never acknowledged: it may be there or not, in whole. */
  readonly pending: readonly Change[]
}

function commitAll(disk: SimDisk, model: DurableState, durability: 'fsync' | 'os'): Committed {
  const random = new RandomChanges(1)
  const log = new LogStore(disk, { ...OPTIONS, durability })
  let acknowledged = 0
  let changes: readonly Change[] = []
  try {
    log.open()
    for (let count = 0; count < COMMITS; count++) {
      changes = random.group()
      if (!couldCommit(log, changes)) return { acknowledged, pending: changes }
      model.apply(changes)
      acknowledged += 1
      changes = []
      log.work()
      if (count % RESTS_EVERY === 0) log.rest()
    }
  } catch (error) {
    // Final: a broker ends here, or does not start where even the first file finds no room.
    const isOfDisk = error instanceof DiskFull || (error instanceof Error && 'code' in error)
    if (!isOfDisk) throw error
  }
  return { acknowledged, pending: changes }
}

function couldCommit(log: LogStore, changes: readonly Change[]): boolean {
  if (changes.length === 0) return true
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      log.commit(changes)
      return true
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error
    }
  }
  return false
}

function keptAll(disk: SimDisk, model: DurableState, pending: readonly Change[]): string | null {
  const kept = tellAll(new LogStore(disk, OPTIONS))
  model.forgetBegun()
  if (isDeepStrictEqual(kept, tellModel(model))) return null
  model.apply(pending)
  model.forgetBegun()
  if (isDeepStrictEqual(kept, tellModel(model))) return null
  return 'what was acknowledged is not what is there'
}

/** All that a store has, read to the last page. */
interface Everything {
  readonly snapshot: Snapshot
  readonly lines: readonly (readonly StoredDelivery[])[]
}

function tellAll(log: LogStore): Everything {
  const snapshot = inOrder(log.open())
  const everything = { snapshot, lines: linesOf((owner, after) => log.page(owner, after)) }
  log.close()
  return everything
}

function tellModel(model: DurableState): Everything {
  const lines = linesOf((owner, after) => model.page(owner, after))
  return { snapshot: inOrder(model.snapshot()), lines }
}

function linesOf(page: LogStore['page']): readonly (readonly StoredDelivery[])[] {
  return OWNERS.map(owner => {
    const line: StoredDelivery[] = []
    for (;;) {
      const next = page(owner, line.at(-1)?.delivery ?? 0)
      if (next.length === 0) return line
      line.push(...next)
    }
  })
}

/** `told`: refused by the name of a file; `cut`: an end of the log that looks like a commit that was never finished. */
export type DamageOutcome = 'whole' | 'told' | 'cut' | 'silently less'

/** A store with a past, on which damage after damage is tried. */
export class DamageTrial {
  readonly #disk: SimDisk
  readonly #groups: (readonly Change[])[] = []
  /** Where each commit ends. */
  readonly #ends: { readonly segment: number; readonly offset: number }[] = []
  readonly #whole: Everything

  constructor(seed: number) {
    this.#disk = new SimDisk({ dice: new Dice(seed) })
    const random = new RandomChanges(seed)
    const log = new LogStore(this.#disk, OPTIONS)
    log.open()
    for (let count = 0; count < COMMITS; count++) {
      const changes = random.group()
      if (changes.length === 0) continue
      log.commit(changes)
      this.#groups.push(changes)
      this.#ends.push(log.segments.position)
      log.work()
    }
    log.close()
    this.#whole = tellModel(this.#model(this.#groups.length))
  }

  /** Flips a bit of a file, cuts it, or makes zeros of all that stands behind a place. */
  try(dice: Dice): DamageOutcome {
    const disk = this.#disk.copied(dice)
    const name = dice.of(disk.fileNames)
    const bytes = disk.bytesOf(name)
    const at = dice.below(bytes.length)
    const isFlip = dice.chance(2)
    if (isFlip) bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8))
    else if (dice.chance(2)) disk.cutsFile(name, at)
    else bytes.fill(0, at)
    return this.#judge(disk, name, at, !isFlip)
  }

  #judge(disk: SimDisk, name: string, at: number, isCut: boolean): DamageOutcome {
    const log = new LogStore(disk, OPTIONS)
    let kept: Everything
    try {
      kept = tellAll(log)
    } catch (error) {
      if (!(error instanceof StoreDamaged)) throw error
      return 'told'
    }
    if (isDeepStrictEqual(kept, this.#whole)) return 'whole'
    const left = this.#commitsLeft(name, at, isCut)
    if (left === this.#groups.length) return 'silently less'
    // One more where the cut took no more of a frame than the zeros that fill it up.
    const isPrefix = [left, left + 1].some(commits =>
      isDeepStrictEqual(kept, tellModel(this.#model(commits))),
    )
    return isPrefix && log.cut !== null ? 'cut' : 'silently less'
  }

  /**
   * Commits that must be there when the end of the newest segment is gone. A flipped bit may only take the last one:
   * what was written after it would tell. All of them where the damage is not in that end.
   */
  #commitsLeft(name: string, at: number, isCut: boolean): number {
    const last = this.#ends.at(-1)
    const all = this.#groups.length
    if (last === undefined || Number(/^segment-(\d+)/.exec(name)?.[1]) !== last.segment) return all
    if (!isCut) return all - 1
    return this.#ends.filter(({ segment, offset }) => segment < last.segment || offset <= at).length
  }

  #model(commits: number): DurableState {
    const model = new DurableState(PAGE_MESSAGES)
    for (const changes of this.#groups.slice(0, commits)) model.apply(changes)
    model.forgetBegun()
    return model
  }
}
