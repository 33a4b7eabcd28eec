// Runs a store on a disk that fails at one call, or from one call on, and on files whose bytes were changed.

import { isDeepStrictEqual } from 'node:util'
import type { Change } from '../src/store/change.ts'
import { DurableState } from '../src/store-kit/durable-state.ts'
import { LogStore } from '../src/store/log/log-store.ts'
import { DiskFull } from '../src/store/disk-full.ts'
import { StoreDamaged } from '../src/store/log/store-damaged.ts'
import type { Snapshot, StoredDelivery } from '../src/store/store.ts'
import { Random } from './random.ts'
import { inOrder, OWNERS, RandomChanges } from '../src/store-kit/random-changes.ts'
import { type Fault, SimDisk } from './sim-disk.ts'

const PAGE_MESSAGES = 7
const OPTIONS = {
  segmentBytes: 8_192,
  checkpointBytes: 6_000,
  pageMessages: PAGE_MESSAGES,
  reserveBytes: 0,
  salt: () => 0x5a17,
}
/** Enough commits for more than 2,000 calls of the disk in one run. */
const COMMITS = 750
/** After each this many commits the store has idle time. */
const RESTS_EVERY = 25
/** How often a commit that failed for lack of space is tried again. */
const TRIES = 4

export const FAULTS: readonly Fault[] = [
  { code: 'ENOSPC' },
  { code: 'EIO' },
  { code: 'EMFILE' },
  'short',
]

export interface FaultPlan {
  /** The number of the call that fails, counted from 1. */
  readonly call: number
  readonly fault: Fault
  /** Whether all later calls fail as well. */
  readonly persists: boolean
  /** `os` for a store that does not sync: the test must detect its losses. */
  readonly durability?: 'fsync' | 'os'
}

export interface FaultOutcome {
  readonly acknowledged: number
  readonly calls: number
  /** A sentence about the violation, or null. */
  readonly violation: string | null
}

/** Runs a store with the planned fault, cuts the power, and reads on a healthy disk what the store has kept. */
export function runFault(plan: FaultPlan): FaultOutcome {
  const random = new Random(plan.call)
  const disk = new SimDisk({ random })
  disk.fault = (_call, count) =>
    count === plan.call || (plan.persists && count > plan.call) ? plan.fault : null
  const model = new DurableState(PAGE_MESSAGES)
  const { acknowledged, pending } = commitAll(disk, model, plan.durability ?? 'fsync')
  const { calls } = disk
  disk.fault = null
  if (random.chance(2)) disk.crashes()
  else disk.processDies()
  const violation = judged(() => keptAll(disk, model, pending))
  return { acknowledged, calls, violation }
}

/** A store that cannot be opened has kept nothing. */
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
  /** A commit that was handed over and not acknowledged: the whole of it may be there, or none of it. */
  readonly pending: readonly Change[]
}

function commitAll(disk: SimDisk, model: DurableState, durability: 'fsync' | 'os'): Committed {
  const changeSource = new RandomChanges(1)
  const log = new LogStore(disk, { ...OPTIONS, durability })
  let acknowledged = 0
  let changes: readonly Change[] = []
  try {
    log.open()
    for (let count = 0; count < COMMITS; count++) {
      changes = changeSource.group()
      if (!couldCommit(log, changes)) return { acknowledged, pending: changes }
      model.apply(changes)
      acknowledged += 1
      changes = []
      log.work()
      if (count % RESTS_EVERY === 0) log.rest()
    }
  } catch (error) {
    // A final failure: a broker ends here, or it does not start if there is no space for the first file.
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

/** Reads everything that a store holds, to the last page. */
interface Everything {
  readonly snapshot: Snapshot
  readonly lines: readonly (readonly StoredDelivery[])[]
}

function tellAll(log: LogStore): Everything {
  const snapshot = byClientId(inOrder(log.open()))
  const everything = { snapshot, lines: linesOf((owner, after) => log.page(owner, after)) }
  log.close()
  return everything
}

function tellModel(model: DurableState): Everything {
  const lines = linesOf((owner, after) => model.page(owner, after))
  return { snapshot: byClientId(inOrder(model.snapshot())), lines }
}

/** A checkpoint keeps no order among sessions. */
function byClientId(snapshot: Snapshot): Snapshot {
  const sessions = snapshot.sessions.toSorted((one, other) =>
    one.clientId < other.clientId ? -1 : 1,
  )
  return { ...snapshot, sessions }
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

/** `reported`: the store was refused, with the name of a file. `cut`: the end of the log looks like an unfinished commit. */
export type DamageOutcome = 'whole' | 'reported' | 'cut' | 'silently less'

/** A store with several segments and a checkpoint, to which one damage after another is applied. */
export class DamageTrial {
  readonly #disk: SimDisk
  readonly #groups: (readonly Change[])[] = []
  /** The file and the byte at which each commit ends. */
  readonly #ends: { readonly segment: number; readonly offset: number }[] = []
  readonly #whole: Everything

  constructor(seed: number) {
    this.#disk = new SimDisk({ random: new Random(seed) })
    const changeSource = new RandomChanges(seed)
    const log = new LogStore(this.#disk, OPTIONS)
    log.open()
    for (let count = 0; count < COMMITS; count++) {
      const changes = changeSource.group()
      if (changes.length === 0) continue
      log.commit(changes)
      this.#groups.push(changes)
      this.#ends.push(log.segments.position)
      log.work()
    }
    log.close()
    this.#whole = tellModel(this.#model(this.#groups.length))
  }

  /** Flips a bit of a file, cuts the file, or overwrites everything behind a place with zeros. */
  try(random: Random): DamageOutcome {
    const disk = this.#disk.copied(random)
    const name = random.of(disk.fileNames)
    const bytes = disk.bytesOf(name)
    const at = random.below(bytes.length)
    const isFlip = random.chance(2)
    if (isFlip) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    else if (random.chance(2)) disk.cutsFile(name, at)
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
      return 'reported'
    }
    if (isDeepStrictEqual(kept, this.#whole)) return 'whole'
    const left = this.#commitsLeft(name, at, isCut)
    if (left === this.#groups.length) return 'silently less'
    // One commit more if the cut removed only the zeros that pad the frame.
    const isPrefix = [left, left + 1].some(commits =>
      isDeepStrictEqual(kept, tellModel(this.#model(commits))),
    )
    return isPrefix && log.cut !== null ? 'cut' : 'silently less'
  }

  /**
   * The commits that must be there when the end of the newest segment is missing. A flipped bit may remove the last commit
   * only: frames behind it would reveal the damage. If the damage is elsewhere, all commits must be there.
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
