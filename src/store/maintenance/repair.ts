// Repairs a damaged store so that it starts again. Unreadable files are renamed to names that begin with `lost-`, and their
// content is reported. Nothing is removed.

import type { Change, Owner } from '../change.ts'
import type { Disk } from '../disk.ts'
import { checkpointNames } from '../log/checkpoint.ts'
import { END_BYTES } from '../log/frame.ts'
import { LogStore } from '../log/log-store.ts'
import { SEGMENT_HEADER_BYTES, segmentNumber, writeAll } from '../log/segment-file.ts'
import { StoreDamaged } from '../log/store-damaged.ts'

const COPY_BYTES = 1_048_576
const COMMIT_CHANGES = 10_000

/** Returns a sentence for each action. Throws StoreDamaged if only a backup can help. */
export function repair(disk: Disk): readonly string[] {
  const done: string[] = []
  let last = ''
  for (;;) {
    const log = new LogStore(disk)
    try {
      log.recover(false)
    } catch (error) {
      log.close()
      // The same damage again cannot be repaired.
      if (!(error instanceof StoreDamaged) || error.message === last) throw error
      last = error.message
      done.push(setAside(disk, error))
      continue
    }
    for (const line of forgetUnreadable(log)) done.push(line)
    log.close()
    return done
  }
}

/** Whether no segment is missing, from the first one on. Without a checkpoint all segments are needed. */
function hasWholeLog(disk: Disk): boolean {
  const numbers = disk.list().flatMap(name => segmentNumber(name) ?? [])
  return numbers.length > 0 && numbers.every(number => number <= numbers.length)
}

/** Ends the log before the damage, and sets everything from there on aside. */
function setAside(disk: Disk, damage: StoreDamaged): string {
  const { file, offset } = damage
  if (checkpointNames(disk).includes(file)) {
    if (!hasWholeLog(disk) && checkpointNames(disk).length < 2) throw damage
    disk.rename(file, lostName(disk, file))
    disk.syncNames()
    return `${file} is not whole: the log is read from an earlier place`
  }
  const number = segmentNumber(file)
  if (number === null || !disk.list().includes(file)) throw damage
  const later = disk.list().filter(name => (segmentNumber(name) ?? 0) > number)
  for (const name of later) disk.rename(name, lostName(disk, name))
  if (offset < SEGMENT_HEADER_BYTES) disk.rename(file, lostName(disk, file))
  else cutAt(disk, file, offset)
  disk.syncNames()
  const more = later.length === 0 ? '' : `, and ${later.length} later files`
  return `${file} ends at byte ${offset} now; what stood behind it, and every later commit, is in files named lost-…${more}`
}

/** Returns a name that no earlier repair has used. */
function lostName(disk: Disk, name: string): string {
  const names = disk.list()
  if (!names.includes(`lost-${name}`)) return `lost-${name}`
  let count = 2
  while (names.includes(`lost-${count}-${name}`)) count += 1
  return `lost-${count}-${name}`
}

function cutAt(disk: Disk, name: string, offset: number): void {
  const file = disk.open(name)
  const lost = disk.create(lostName(disk, name))
  const bytes = Buffer.alloc(COPY_BYTES)
  for (let at = 0; at < file.size(); at += COPY_BYTES) {
    writeAll(lost, bytes.subarray(0, file.read(bytes, at)), at)
  }
  lost.sync()
  lost.close()
  file.truncate(offset)
  writeAll(file, Buffer.alloc(END_BYTES), offset)
  file.sync()
  file.close()
}

/** Removes unreadable messages from queues and retained messages. */
function forgetUnreadable(log: LogStore): readonly string[] {
  const lost = new Set<number>()
  const places = new Set<string>()
  for (const slot of log.ledger.messages.slots()) {
    try {
      log.load(slot)
    } catch (error) {
      if (!(error instanceof StoreDamaged)) throw error
      lost.add(slot)
      places.add(`${error.file} at byte ${error.offset}`)
    }
  }
  if (lost.size === 0) return []
  const changes = changesWithout(log, lost)
  for (let start = 0; start < changes.length; start += COMMIT_CHANGES) {
    log.commit(changes.slice(start, start + COMMIT_CHANGES))
  }
  return [`${lost.size} messages cannot be read and are given up (${[...places].join(', ')})`]
}

function changesWithout(log: LogStore, lost: ReadonlySet<number>): readonly Change[] {
  const changes: Change[] = []
  const settle = (owner: Owner, entry: { readonly delivery: number; readonly slot: number }) => {
    if (lost.has(entry.slot)) changes.push({ kind: 'settled', delivery: entry.delivery, owner })
  }
  for (const { clientId, waiting, sent } of log.ledger.sessions.values()) {
    const owner = { kind: 'session', clientId } as const
    for (const entry of waiting.after(0)) settle(owner, entry)
    for (const entry of sent.values()) if (!entry.isReceived) settle(owner, entry)
  }
  for (const { owner, waiting } of log.ledger.queues.values()) {
    for (const entry of waiting.after(0)) settle(owner, entry)
  }
  for (const [delivery, { slot, owner }] of log.ledger.locked.all) {
    settle(owner, { delivery, slot })
  }
  for (const [sequence, { slot }] of log.ledger.held) {
    if (lost.has(slot)) changes.push({ kind: 'released', sequence })
  }
  for (const [topic, { slot }] of log.ledger.retained) {
    if (lost.has(slot)) changes.push({ kind: 'retained-cleared', topic })
  }
  return changes
}
