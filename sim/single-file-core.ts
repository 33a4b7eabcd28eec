// The simplest correct store: one file, one frame with a checksum for each group of changes. A start reads the whole file.
// Tests of the oracle use it, also with one of its steps left out.

import { crc32 } from 'node:zlib'
import { deserialize, serialize } from 'node:v8'
import type { Change, Owner } from '../src/store/change.ts'
import type { Disk, DiskFile } from '../src/store/disk.ts'
import { DurableState } from '../src/store-kit/durable-state.ts'
import type { Snapshot, StoredDelivery } from '../src/store/store.ts'
import type { StoreCore } from './store-core.ts'

const NAME = 'plain'
const HEADER_BYTES = 8

export class SingleFileCore implements StoreCore {
  readonly isFull = false
  readonly #disk: Disk
  readonly #state = new DurableState()
  readonly #syncs: boolean
  #file: DiskFile | null = null
  #end = 0

  /** `syncs` is false for a store that does not sync. */
  constructor(disk: Disk, syncs: boolean) {
    this.#disk = disk
    this.#syncs = syncs
  }

  open(): Snapshot {
    const disk = this.#disk
    if (disk.list().includes(NAME)) {
      this.#file = disk.open(NAME)
      this.#replay(this.#file)
    } else {
      this.#file = disk.create(NAME)
      disk.syncNames()
    }
    this.#state.forgetBegun()
    return this.#state.snapshot()
  }

  commit(changes: readonly Change[]): void {
    const body = serialize(changes)
    const frame = Buffer.alloc(HEADER_BYTES + body.length)
    frame.writeUInt32BE(body.length, 0)
    frame.writeUInt32BE(crc32(body), 4)
    frame.set(body, HEADER_BYTES)
    let written = 0
    while (written < frame.length) {
      written += this.#file?.write(frame.subarray(written), this.#end + written) ?? 0
    }
    if (this.#syncs) this.#file?.sync()
    this.#end += frame.length
    this.#state.apply(ownBuffers(changes))
  }

  page(owner: Owner, after: number): readonly StoredDelivery[] {
    return this.#state.page(owner, after)
  }

  work(): boolean {
    return false
  }

  close(): void {
    this.#file?.close()
  }

  #replay(file: DiskFile): void {
    const bytes = Buffer.alloc(file.size())
    file.read(bytes, 0)
    for (;;) {
      const start = this.#end + HEADER_BYTES
      if (start > bytes.length) break
      const end = start + bytes.readUInt32BE(this.#end)
      if (end > bytes.length || end === start) break
      const body = bytes.subarray(start, end)
      if (crc32(body) !== bytes.readUInt32BE(this.#end + 4)) break
      this.#state.apply(ownBuffers(deserialize(body)))
      this.#end = end
    }
    file.truncate(this.#end)
    // The last process may have written frames without a sync. Later frames build on them, so they must be synced.
    file.sync()
  }
}

/** A structured clone turns a Buffer into a Uint8Array. */
function ownBuffers(changes: readonly Change[]): readonly Change[] {
  return changes.map(change => {
    if (change.kind === 'message-stored') {
      const { message } = change
      return { ...change, message: { ...message, payload: Buffer.from(message.payload) } }
    }
    if (change.kind === 'will-set') {
      const { will } = change
      return { ...change, will: { ...will, payload: Buffer.from(will.payload) } }
    }
    return change
  })
}
