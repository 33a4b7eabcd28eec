// The disk of the store: room, kind and how long a sync takes.

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../../config/config-types.ts'
import { storeDirectory } from '../../server/create-store.ts'
import { type Finding, fine, problem, warning } from './finding.ts'

/** As statfs(2) has it. */
const TMPFS = 0x0102_1994
const SYNCS = 11
const SYNC_BYTES = 4_096
/** A disk that takes longer bounds a client that waits for each acknowledgement to 50 messages a second. */
const SLOW_SYNC_MS = 20
/** Below this, room is short whatever the reserve. */
const SHORT_BYTES = 1_073_741_824
const AHEAD_MS = 60_000

export async function diskFindings(config: Config): Promise<readonly Finding[]> {
  const { durability, reserveBytes } = config.store
  if (durability === 'memory') {
    return [fine('data', 'in memory, as store.durability says: gone when the broker stops')]
  }
  if (config.store.jetstream !== undefined) {
    const { stream } = config.store.jetstream
    return [fine('data', `in the stream ${stream} of NATS, whose servers are not asked here`)]
  }
  const directory = resolve(storeDirectory(config))
  const place = existing(directory)
  const { bavail, bsize, type } = await statfs(place)
  return [
    roomFinding(bavail * bsize, reserveBytes, directory),
    ...(type === TMPFS ? [inMemory(directory)] : []),
    ...(durability === 'fsync' ? [syncFinding(place)] : []),
    clockFinding(directory),
  ]
}

/** Returns the directory, or the nearest one above it that is there. */
function existing(directory: string): string {
  let place = directory
  while (!existsSync(place) && place !== dirname(place)) place = dirname(place)
  return place
}

function roomFinding(free: number, reserve: number, directory: string): Finding {
  const sentence = `${directory} has ${mebibytes(free)} of room`
  const mend = 'make room there, or choose another: store.directory'
  if (free <= reserve) {
    return problem(
      'data',
      `${sentence}, less than store.reserveBytes (${mebibytes(reserve)}): nothing can be stored`,
      mend,
    )
  }
  return free < SHORT_BYTES
    ? warning('data', `${sentence}, which is little`, mend)
    : fine('data', sentence)
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576).toLocaleString('en')} MiB`
}

function inMemory(directory: string): Finding {
  return warning(
    'data',
    `${directory} is on a tmpfs, which is memory: a restart of the machine loses it`,
    'choose a directory on a disk: store.directory',
  )
}

/** Writes a small file and removes it. */
function syncFinding(place: string): Finding {
  const file = join(place, `.pondhawk-doctor-${process.pid}`)
  try {
    const descriptor = openSync(file, 'wx')
    try {
      return speedFinding(syncsOf(descriptor))
    } finally {
      closeSync(descriptor)
      rmSync(file)
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    return problem(
      'sync',
      `${place} cannot be written to (${code})`,
      'see its owner and rights: ls -ld',
    )
  }
}

/** Returns milliseconds, shortest first. */
function syncsOf(descriptor: number): readonly number[] {
  const bytes = Buffer.alloc(SYNC_BYTES, 1)
  const times = Array.from({ length: SYNCS }, () => {
    const from = performance.now()
    writeSync(descriptor, bytes)
    fdatasyncSync(descriptor)
    return performance.now() - from
  })
  return times.sort((one, other) => one - other)
}

function speedFinding(times: readonly number[]): Finding {
  const middle = times[Math.floor(times.length / 2)] ?? 0
  const sentence = `a sync of the disk takes ${middle.toFixed(1)} ms, at most ${(times.at(-1) ?? 0).toFixed(1)} ms`
  if (middle <= SLOW_SYNC_MS) return fine('sync', sentence)
  return warning(
    'sync',
    `${sentence}: each acknowledgement at QoS 1 and 2 waits for one`,
    'use a faster disk, or store.durability: os, which does not survive a loss of power',
  )
}

/** Files of the store must not be from the future. */
function clockFinding(directory: string): Finding {
  const now = Date.now()
  const newest = existsSync(directory) ? newestIn(directory) : 0
  const mend = 'set the clock, and let it be synchronised: timedatectl set-ntp true'
  if (newest > now + AHEAD_MS) {
    const ahead = new Date(newest).toISOString()
    return problem(
      'clock',
      `the clock says ${new Date(now).toISOString()}, but the store was written at ${ahead}`,
      mend,
    )
  }
  if (new Date(now).getFullYear() < EARLIEST_YEAR) {
    return problem(
      'clock',
      `the clock says ${new Date(now).toISOString()}: certificates and tokens do not count yet`,
      mend,
    )
  }
  return fine('clock', new Date(now).toISOString())
}

const EARLIEST_YEAR = 2_026

function newestIn(directory: string): number {
  return readdirSync(directory).reduce((newest, name) => {
    const found = statSync(join(directory, name), { throwIfNoEntry: false })
    return Math.max(newest, found?.mtimeMs ?? 0)
  }, 0)
}
