// A disk in memory. It knows which writes were synced, and loses others when the power is cut.
// The power can be cut at any call, and any call can report a failure.

import type { Disk, DiskFile } from '../src/store/disk.ts'
import type { Random } from './random.ts'
import { Inode } from './inode.ts'

/** Ends the process: no code may catch it and continue. Every later call throws it again. */
export class PowerCut extends Error {
  constructor() {
    super('the power is gone')
  }
}

export class DiskError extends Error {
  readonly code: string

  constructor(code: string, call: string) {
    super(`${code}: ${call}`)
    this.code = code
  }
}

export type DiskCall =
  | 'list'
  | 'open'
  | 'create'
  | 'size'
  | 'rename'
  | 'remove'
  | 'syncNames'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'

/** A failure of a call: an error, or a write of only a part. */
export type Fault = { readonly code: 'ENOSPC' | 'EIO' | 'EMFILE' } | 'short'

/** Whether the call took effect before, or not before, the power was cut. */
export type Moment = 'before' | 'halfway' | 'after'

interface NameChange {
  readonly kind: 'create' | 'rename' | 'remove'
  readonly name: string
  readonly to: string
  readonly inode: Inode
}

export interface SimDiskOptions {
  readonly random: Random
  readonly capacityBytes?: number
}

export class SimDisk implements Disk {
  /** The number of calls so far. */
  calls = 0
  isCut = false
  /** Is called at each call of the disk and returns its fault; null for none. */
  fault: ((call: DiskCall, count: number) => Fault | null) | null = null
  capacityBytes: number
  readonly random: Random
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  #nameChanges: NameChange[] = []
  #cutAt = Infinity
  #cutMoment: Moment = 'before'

  constructor(options: SimDiskOptions) {
    this.random = options.random
    this.capacityBytes = options.capacityBytes ?? Infinity
  }

  /** Cuts the power at the call that is `calls` calls away. */
  cutsAfter(calls: number, moment: Moment): void {
    this.#cutAt = this.calls + calls
    this.#cutMoment = moment
  }

  /** Cancels the planned power cut. */
  disarms(): void {
    this.#cutAt = Infinity
  }

  list(): readonly string[] {
    return this.act('list', () => [...this.#names.keys()])
  }

  open(name: string): DiskFile {
    return this.act('open', () => new SimFile(this, this.#inodeOf(name)))
  }

  create(name: string): DiskFile {
    return this.act('create', () => {
      if (this.#names.has(name)) throw new DiskError('EEXIST', `create ${name}`)
      const inode = new Inode()
      this.#names.set(name, inode)
      this.#nameChanges.push({ kind: 'create', name, to: name, inode })
      return new SimFile(this, inode)
    })
  }

  sizeOf(name: string): number {
    return this.act('size', () => this.#inodeOf(name).current.size)
  }

  rename(from: string, to: string): void {
    this.act('rename', () => {
      const inode = this.#inodeOf(from)
      this.#names.delete(from)
      this.#names.set(to, inode)
      this.#nameChanges.push({ kind: 'rename', name: from, to, inode })
    })
  }

  remove(name: string): void {
    this.act('remove', () => {
      const inode = this.#inodeOf(name)
      this.#names.delete(name)
      this.#nameChanges.push({ kind: 'remove', name, to: name, inode })
    })
  }

  syncNames(): void {
    this.act(
      'syncNames',
      () => {
        this.#durableNames = new Map(this.#names)
        this.#nameChanges = []
      },
      () => {
        const some = this.#nameChanges.splice(0, this.random.below(this.#nameChanges.length + 1))
        for (const change of some) applyName(this.#durableNames, change)
      },
    )
  }

  freeBytes(): number {
    return Math.max(0, this.capacityBytes - this.usedBytes)
  }

  get usedBytes(): number {
    let used = 0
    for (const inode of this.#names.values()) used += inode.current.size
    return used
  }

  /** Returns the disk after a loss of power: whatever was not synced may be missing, in whole or in part. */
  crashes(): void {
    const names = new Map(this.#durableNames)
    // A journaling file system keeps the order of names. Without a journal any of them may be missing.
    const isJournaled = !this.random.chance(4)
    const kept = this.random.below(this.#nameChanges.length + 1)
    for (const [index, change] of this.#nameChanges.entries()) {
      if (isJournaled ? index < kept : this.random.chance(2)) applyName(names, change)
    }
    for (const inode of new Set(names.values())) inode.losesPower(this.random)
    this.#names = names
    this.#durableNames = new Map(names)
    this.#nameChanges = []
    this.isCut = false
    this.disarms()
  }

  /** Returns the disk after the end of the process only: all writes are there, synced or not. */
  processDies(): void {
    this.isCut = false
    this.disarms()
  }

  /** Returns the bytes of a file. Tests damage them; the damage counts as synced. */
  bytesOf(name: string): Buffer {
    return this.#inodeOf(name).current.view()
  }

  /** Cuts a file. The cut counts as synced. */
  cutsFile(name: string, size: number): void {
    const inode = this.#inodeOf(name)
    inode.truncate(size)
    inode.sync()
  }

  get fileNames(): readonly string[] {
    return [...this.#names.keys()]
  }

  /** Returns a disk with the same bytes, all of them synced. */
  copied(random: Random): SimDisk {
    const copy = new SimDisk({ random, capacityBytes: this.capacityBytes })
    for (const [name, inode] of this.#names) {
      const twin = inode.twin()
      copy.#names.set(name, twin)
      copy.#durableNames.set(name, twin)
    }
    return copy
  }

  /** Performs one call, or a part of it when the power is cut or a fault is due. */
  act<Result>(call: DiskCall, whole: () => Result, half: () => void = () => {}): Result {
    if (this.isCut) throw new PowerCut()
    this.calls += 1
    if (this.calls === this.#cutAt) {
      this.isCut = true
      if (this.#cutMoment === 'halfway') half()
      else if (this.#cutMoment === 'after') whole()
      throw new PowerCut()
    }
    const fault = this.fault?.(call, this.calls) ?? null
    if (fault !== null && fault !== 'short') throw new DiskError(fault.code, call)
    return whole()
  }

  #inodeOf(name: string): Inode {
    const inode = this.#names.get(name)
    if (inode === undefined) throw new DiskError('ENOENT', name)
    return inode
  }
}

class SimFile implements DiskFile {
  readonly #disk: SimDisk
  readonly #inode: Inode
  #isClosed = false

  constructor(disk: SimDisk, inode: Inode) {
    this.#disk = disk
    this.#inode = inode
  }

  size(): number {
    this.#assertOpen()
    return this.#inode.current.size
  }

  read(bytes: Uint8Array, at: number): number {
    this.#assertOpen()
    return this.#disk.act('read', () => this.#inode.current.read(bytes, at))
  }

  write(bytes: Uint8Array, at: number): number {
    this.#assertOpen()
    const disk = this.#disk
    const grows = Math.max(0, at + bytes.length - this.#inode.current.size)
    const part = disk.random.below(Math.max(1, bytes.length))
    let count = bytes.length
    if (grows > disk.freeBytes()) count = Math.max(0, bytes.length - grows + disk.freeBytes())
    if (disk.fault?.('write', disk.calls + 1) === 'short') count = Math.min(count, part)
    return disk.act(
      'write',
      () => {
        if (count === 0 && bytes.length > 0) throw new DiskError('ENOSPC', 'write')
        this.#inode.write(bytes.subarray(0, count), at)
        return count
      },
      () => this.#inode.write(bytes.subarray(0, part), at),
    )
  }

  truncate(size: number): void {
    this.#assertOpen()
    this.#disk.act('truncate', () => this.#inode.truncate(size))
  }

  sync(): void {
    this.#assertOpen()
    const disk = this.#disk
    const fault = disk.fault?.('sync', disk.calls + 1) ?? null
    // The system discards pages that it could not write. No later sync writes them.
    if (fault !== null && fault !== 'short') this.#inode.failsToSync(disk.random)
    disk.act(
      'sync',
      () => this.#inode.sync(),
      () => this.#inode.syncSome(disk.random),
    )
  }

  close(): void {
    this.#isClosed = true
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new DiskError('EBADF', 'the file is closed')
  }
}

function applyName(names: Map<string, Inode>, change: NameChange): void {
  switch (change.kind) {
    case 'create':
      names.set(change.name, change.inode)
      return
    case 'rename':
      if (names.get(change.name) === change.inode) names.delete(change.name)
      names.set(change.to, change.inode)
      return
    case 'remove':
      if (names.get(change.name) === change.inode) names.delete(change.name)
      return
  }
}
