// The broker's clock across starts: what a clock of the machine that is set must not do.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { Random } from '../../sim/random.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { BrokerClock, type ClockReport } from '../../src/store/broker-clock.ts'
import { FileStore } from '../../src/store/file-store.ts'
import type { MachineTime } from '../../src/store/machine-time.ts'
import { backUp, restoreBackup } from '../../src/store/maintenance/backup.ts'
import { committed, OPENED } from '../../src/store-kit/changes.ts'

const SECOND = 1_000
const DAY = 86_400_000
const START = 1_800_000_000_000

/** A machine whose clocks the test moves. */
class TestMachine {
  boot = 'first boot'
  wallMs = START
  awakeMs = 50_000
  upMs = 60_000

  readonly time = (): MachineTime => {
    const { wallMs, awakeMs, upMs, boot } = this
    return { wallMs, awakeMs, upMs, boot }
  }
  readonly settingMs = (): number => this.wallMs - this.awakeMs

  passes(milliseconds: number): void {
    this.wallMs += milliseconds
    this.awakeMs += milliseconds
    this.upMs += milliseconds
  }

  sleeps(milliseconds: number): void {
    this.wallMs += milliseconds
    this.upMs += milliseconds
  }

  boots(boot: string): void {
    this.boot = boot
    this.awakeMs = 3_000
    this.upMs = 3_000
  }
}

interface Story {
  readonly what: string
  /** Between a broker's first second and the next start. */
  readonly happens: (machine: TestMachine) => void
  /** By the broker's clock, from its first start to the next. */
  readonly passed: number
  readonly oddity: ClockReport['oddity']
}

const STORIES: readonly Story[] = [
  { what: 'a pause', happens: m => m.passes(9 * SECOND), passed: 10 * SECOND, oddity: 'none' },
  {
    what: 'the clock is set forward, and a pause',
    happens: m => {
      m.passes(SECOND)
      m.wallMs += 10 * DAY
    },
    passed: 2 * SECOND,
    oddity: 'set',
  },
  {
    what: 'the clock is set back, and a pause',
    happens: m => {
      m.passes(SECOND)
      m.wallMs -= 10 * DAY
    },
    passed: 2 * SECOND,
    oddity: 'set',
  },
  {
    what: 'the machine sleeps while no broker runs',
    happens: m => m.sleeps(DAY),
    passed: DAY + SECOND,
    oddity: 'none',
  },
  {
    what: 'a container begins to count its time anew',
    happens: m => {
      m.passes(5 * SECOND)
      m.upMs = 10
    },
    passed: 6 * SECOND,
    oddity: 'none',
  },
  {
    what: 'another boot',
    happens: m => {
      m.passes(60 * SECOND)
      m.boots('second boot')
    },
    passed: 61 * SECOND,
    oddity: 'none',
  },
  {
    what: 'another boot, with a clock that has gone back',
    happens: m => {
      m.boots('second boot')
      m.wallMs -= 10 * DAY
    },
    passed: 0,
    oddity: 'gone-back',
  },
  {
    what: 'another boot after a long time, or with a clock that was set',
    happens: m => {
      m.boots('second boot')
      m.wallMs += 10 * DAY
    },
    passed: 10 * DAY + SECOND,
    oddity: 'long-away',
  },
  {
    what: 'a clock since the boot that has gone back',
    happens: m => {
      m.passes(7 * SECOND)
      m.awakeMs = 10
    },
    passed: 8 * SECOND,
    oddity: 'none',
  },
  {
    what: 'a system that tells of no boot, and a pause',
    happens: m => {
      m.boot = ''
      m.passes(3 * SECOND)
    },
    passed: 4 * SECOND,
    oddity: 'none',
  },
]

function newDisk(): SimDisk {
  return new SimDisk({ random: new Random(1) })
}

/** A broker begins. Returns its clock at that moment. */
function begins(disk: SimDisk, machine: TestMachine): ClockReport & { readonly brokerMs: number } {
  const facts = new BrokerClock(disk, machine.time(), machine).open()
  return { ...facts, brokerMs: machine.wallMs + facts.aheadMs }
}

for (const { what, happens, passed, oddity } of STORIES) {
  test(`what passes on the broker's clock: ${what}`, async t => {
    const disk = newDisk()
    const machine = new TestMachine()
    const first = begins(disk, machine)
    machine.passes(SECOND)
    happens(machine)

    const next = begins(disk, machine)

    t.equal(next.brokerMs - first.brokerMs, passed)
    t.equal(next.oddity, oddity)
  })
}

test('a clock that was set while a broker ran has no effect at the next boot', async t => {
  const disk = newDisk()
  const machine = new TestMachine()
  machine.wallMs = 0
  const clock = new BrokerClock(disk, machine.time(), machine)
  clock.open()
  machine.passes(60 * SECOND)
  // A machine without a battery hears what time it is.
  machine.wallMs += START
  clock.look()
  machine.passes(60 * SECOND)
  machine.boots('second boot')

  const next = begins(disk, machine)

  t.equal(next.brokerMs, 120 * SECOND, 'the broker goes on by the clock that it began with')
  t.equal(next.oddity, 'none')
})

test('a mark is written when the clock was set, and never while it was not', async t => {
  const disk = newDisk()
  const machine = new TestMachine()
  const clock = new BrokerClock(disk, machine.time(), machine)
  clock.open()
  const before = disk.calls

  for (let count = 0; count < 100; count++) {
    machine.passes(SECOND)
    clock.look()
  }
  t.equal(disk.calls, before)
  machine.wallMs -= DAY
  clock.look()
  const after = disk.calls
  t.ok(after > before)
  clock.look()
  t.equal(disk.calls, after)
})

test('a disk without room, or a process without descriptors, takes no mark and does not fail; later it does', async t => {
  for (const code of ['ENOSPC', 'EMFILE'] as const) {
    const disk = newDisk()
    const machine = new TestMachine()
    disk.fault = call => (call === 'create' ? { code } : null)
    const clock = new BrokerClock(disk, machine.time(), machine)
    clock.open()
    t.notOk(disk.fileNames.includes('clock'))

    disk.fault = null
    clock.look()
    t.notOk(disk.fileNames.includes('clock'), 'not at once')
    machine.passes(60 * SECOND)
    clock.look()
    t.ok(disk.fileNames.includes('clock'))
  }
})

test('a loss of power at any call leaves the mark of before or the new one', async t => {
  for (const moment of ['before', 'halfway', 'after'] as const) {
    for (let call = 1; call < 12; call++) {
      const disk = newDisk()
      const machine = new TestMachine()
      begins(disk, machine)
      machine.passes(SECOND)
      disk.cutsAfter(call, moment)
      try {
        begins(disk, machine)
      } catch {
        // The power is gone.
      }
      disk.crashes()
      machine.wallMs += 10 * DAY

      const next = begins(disk, machine)

      t.equal(next.brokerMs, START + SECOND, `${moment} call ${call}`)
    }
  }
})

test('a mark that is not as it was written is told, and the time of day is believed', async t => {
  for (const text of [
    '',
    '{',
    '{"brokerMs":1}',
    'null',
    '[]',
    '\0'.repeat(100),
    '{"brokerMs":"1"}',
  ]) {
    const disk = newDisk()
    const file = disk.create('clock')
    file.write(Buffer.from(text), 0)
    const { oddity, aheadMs } = begins(disk, new TestMachine())
    t.strictSame([oddity, aheadMs], ['unreadable', 0], text)
  }
})

/** Opens and closes a store. Returns what it found of the clock. */
async function opening(directory: string): Promise<ClockReport> {
  const store = new FileStore(directory)
  await store.open()
  const { clock } = store.opening
  await committed(store, OPENED)
  await store.close()
  return clock
}

/** As if the machine's clock had been wrong so far when this mark was written. */
function wasWrong(directory: string, byMs: number): void {
  const path = join(directory, 'clock')
  const mark = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>
  for (const name of ['brokerMs', 'wallMs']) mark[name] = (mark[name] ?? 0) + byMs
  writeFileSync(path, JSON.stringify(mark))
}

test('a copy of a store goes on by the clock of its broker', async t => {
  const place = t.testdir()
  const at = (name: string): string => join(place, name)
  await opening(at('data'))
  wasWrong(at('data'), -10 * DAY)

  backUp(at('data'), at('backup'))
  restoreBackup(at('backup'), at('restored'))

  await isBehind(t, await opening(at('restored')), 10 * DAY)
  await isBehind(t, await opening(at('data')), 10 * DAY)
  await isBehind(t, await opening(at('data')), 10 * DAY)
})

async function isBehind(t: Test, { aheadMs }: ClockReport, byMs: number): Promise<void> {
  t.ok(Math.abs(aheadMs + byMs) < 60 * SECOND, `${aheadMs} ms ahead`)
}
