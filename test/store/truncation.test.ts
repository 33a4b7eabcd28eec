// A file of the store that ends too early, or in zeros, at every byte: whatever is missing is told.

import { type Test, test } from 'tap'
import { Random } from '../../sim/random.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import type { Change } from '../../src/store/change.ts'
import { LogStore, type LogStoreOptions } from '../../src/store/log/log-store.ts'
import { StoreDamaged } from '../../src/store/log/store-damaged.ts'
import { BOB, OPENED, queued, stored } from '../../src/store-kit/changes.ts'

const OPTIONS = { segmentBytes: 600, checkpointBytes: 1_200, reserveBytes: 0, salt: () => 0x5a17 }
const NO_CHECKPOINT = { ...OPTIONS, checkpointBytes: 1_000_000 }
const ONE_SEGMENT = { ...NO_CHECKPOINT, segmentBytes: 1_000_000 }

interface Past {
  readonly what: string
  readonly options: Partial<LogStoreOptions>
  readonly commits: number
  /** A message is settled when so many others came after it; never where this is large. */
  readonly settledAfter: number
  /** At least so many lie there afterwards. */
  readonly files: number
}

const PASTS: readonly Past[] = [
  { what: 'a log of one segment', options: ONE_SEGMENT, commits: 12, settledAfter: 100, files: 1 },
  {
    what: 'a log of many segments',
    options: NO_CHECKPOINT,
    commits: 14,
    settledAfter: 100,
    files: 3,
  },
  { what: 'a log behind a checkpoint', options: OPTIONS, commits: 30, settledAfter: 100, files: 5 },
  {
    what: 'a log in files that serve again',
    options: OPTIONS,
    commits: 40,
    settledAfter: 4,
    files: 4,
  },
]

/** Payloads of every length near a multiple of 8, some of them zeros. */
function messageOf(number: number): Change {
  const payload = Buffer.alloc(20 + (number % 17), number % 3 === 0 ? 0 : number)
  return stored(number, { payload })
}

function storeWith({ options, commits, settledAfter }: Past): SimDisk {
  const disk = new SimDisk({ random: new Random(1) })
  const log = new LogStore(disk, options)
  log.recover()
  log.commit([OPENED])
  for (let number = 1; number <= commits; number++) {
    log.commit([messageOf(number), queued(number, number)])
    const settled = number - settledAfter
    if (settled > 0) log.commit([{ kind: 'settled', delivery: settled, owner: BOB }])
    while (log.work());
  }
  log.close()
  return disk
}

/** Everything that a store has, or what it says is wrong. */
function contents(disk: SimDisk, options: Partial<LogStoreOptions>): string {
  const log = new LogStore(disk, options)
  try {
    log.recover()
    const waiting = [...(log.ledger.waitingFor(BOB)?.after(0) ?? [])]
    const messages = waiting.map(({ delivery, slot }) => {
      const { payload } = log.load(slot)
      return `${delivery}:${payload.toString('hex')}`
    })
    const cut = log.cut === null ? '' : `cut in ${log.cut.file} at ${log.cut.offset}: `
    return cut + messages.join(' ')
  } catch (error) {
    if (!(error instanceof StoreDamaged)) throw error
    return `damaged: ${error.file}`
  } finally {
    log.close()
  }
}

type Damage = (disk: SimDisk, name: string, at: number) => void

const DAMAGES: Readonly<Record<string, Damage>> = {
  'ends at any byte': (disk, name, at) => disk.cutsFile(name, at),
  'is zeros from any byte on': (disk, name, at) => void disk.bytesOf(name).fill(0, at),
}

/** Places of damage after which less is there and nothing is said. */
function silentPlaces(disk: SimDisk, past: Past, damage: Damage): readonly string[] {
  const whole = contents(disk.copied(new Random(1)), past.options)
  const silent: string[] = []
  for (const name of disk.fileNames) {
    for (let at = 0; at < disk.bytesOf(name).length; at++) {
      const copy = disk.copied(new Random(1))
      damage(copy, name, at)
      const kept = contents(copy, past.options)
      if (!kept.startsWith('cut') && !kept.startsWith('damaged') && kept !== whole) {
        silent.push(`${name} at ${at}`)
      }
    }
  }
  return silent
}

for (const past of PASTS) {
  for (const [what, damage] of Object.entries(DAMAGES)) {
    test(`${past.what}, of which a file ${what}: what is missing is told`, async t => {
      const disk = storeWith(past)
      t.ok(disk.fileNames.length >= past.files, `${disk.fileNames.length} files`)
      t.strictSame(silentPlaces(disk, past, damage), [])
    })
  }
}

test('a log that was cut can be continued, and its damage is reported only once', async t => {
  for (const past of PASTS) {
    const disk = storeWith(past)
    const name = newestSegment(disk)
    const size = disk.bytesOf(name).length
    for (let at = 0; at < size; at += 3) goesOn(t, disk, past, at)
  }
})

function newestSegment(disk: SimDisk): string {
  return (
    disk.fileNames
      .filter(name => name.startsWith('segment'))
      .toSorted()
      .at(-1) ?? ''
  )
}

function goesOn(t: Test, disk: SimDisk, past: Past, at: number): void {
  const copy = disk.copied(new Random(1))
  copy.cutsFile(newestSegment(disk), at)
  if (!contents(copy, past.options).startsWith('cut')) return
  t.notMatch(contents(copy, past.options), /^cut|^damaged/, `${past.what}, cut at ${at}`)
  const log = new LogStore(copy, past.options)
  log.recover()
  const number = 1_000
  log.commit([OPENED, messageOf(number), queued(number, number)])
  log.close()
  const kept = contents(copy, past.options)
  if (!kept.startsWith('1000:')) t.fail(`${past.what}, cut at ${at}: ${kept}`)
}

test('on a disk without room a log that was cut is opened all the same', async t => {
  const past = { what: '', options: ONE_SEGMENT, commits: 12, settledAfter: 100, files: 1 }
  const disk = storeWith(past)
  const name = newestSegment(disk)
  for (let at = 100; at < disk.bytesOf(name).length; at += 7) {
    const copy = disk.copied(new Random(1))
    copy.cutsFile(name, at)
    copy.capacityBytes = copy.usedBytes
    t.match(contents(copy, past.options), /^cut/, `${at}`)
  }
})

interface Moment {
  readonly disk: SimDisk
  readonly kept: string
}

/** The disk after every commit, every slice of work and every start, with what is acknowledged then. */
function moments({ options, commits, settledAfter }: Past): readonly Moment[] {
  const disk = new SimDisk({ random: new Random(1) })
  const found: Moment[] = []
  const seen = (): void => {
    const copy = disk.copied(new Random(1))
    found.push({ disk: copy, kept: contents(copy.copied(new Random(1)), options) })
  }
  let log = new LogStore(disk, options)
  log.open()
  const commit = (changes: readonly Change[]): void => {
    log.commit(changes)
    seen()
    while (log.work()) seen()
  }
  commit([OPENED])
  for (let number = 1; number <= commits; number++) {
    commit([messageOf(number), queued(number, number)])
    const settled = number - settledAfter
    if (settled > 0) commit([{ kind: 'settled', delivery: settled, owner: BOB }])
    if (number % 5 > 0) continue
    log.close()
    log = new LogStore(disk, options)
    log.open()
    seen()
  }
  log.close()
  return found
}

for (const past of PASTS) {
  test(`${past.what}, of which a whole file is removed at any moment: what is missing is told`, async t => {
    const silent = moments(past).flatMap(({ disk, kept }, moment) =>
      disk.fileNames
        .filter(name => {
          const copy = disk.copied(new Random(1))
          copy.remove(name)
          const then = contents(copy, past.options)
          return !then.startsWith('damaged') && then !== kept
        })
        .map(name => `${name} at moment ${moment}`),
    )
    t.strictSame(silent, [])
  })
}
