import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { FileDisk } from '../../src/store/file-disk.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { backUp, restoreBackup } from '../../src/store/maintenance/backup.ts'
import { repair } from '../../src/store/maintenance/repair.ts'
import { figuresOf, verify } from '../../src/store/maintenance/verify.ts'
import type { Store } from '../../src/store/store.ts'
import { BOB, committed, OPENED, queued, stored } from '../../src/store-kit/changes.ts'
import { CLI } from '../command.ts'
import { mounted, skip } from './mounts.ts'
import { run } from '../interop/programs.ts'

const SMALL = { segmentBytes: 65_536, checkpointBytes: 65_536 }

/** A store of so many messages that wait for bob, each with a retained one beside it. */
async function filled(t: Test, count: number, options = {}): Promise<string> {
  const directory = join(t.testdir(), 'data')
  const store = new FileStore(directory, options)
  await store.open()
  await fill(store, 1, count)
  await store.close()
  return directory
}

async function fill(store: Store, first: number, count: number): Promise<void> {
  if (first === 1) await committed(store, OPENED)
  for (let number = first; number < first + count; number++) {
    const payload = Buffer.alloc(500, number % 251)
    await committed(store, stored(number, { payload, topic: 'r' }), queued(number, number), {
      kind: 'retained-set',
      topic: 'r',
      sequence: number,
    })
  }
}

function withDisk<Result>(directory: string, act: (disk: FileDisk) => Result): Result {
  const disk = new FileDisk(directory)
  try {
    return act(disk)
  } finally {
    disk.close()
  }
}

/** Turns one bit of a file round. */
function flip(file: string, at: number): void {
  const descriptor = openSync(file, 'r+')
  const byte = Buffer.alloc(1)
  readSync(descriptor, byte, 0, 1, at)
  writeSync(descriptor, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at)
  closeSync(descriptor)
}

test('stats and verify report the content of a store and do not change it', async t => {
  const directory = await filled(t, 50)
  const before = readdirSync(directory).map(name => [name, statSync(join(directory, name)).mtimeMs])

  const figures = withDisk(directory, verify)

  t.match(figures, { sessions: 1, messages: 50, waiting: 50, retained: 1, segments: 1, cut: null })
  t.strictSame(withDisk(directory, figuresOf), figures)
  t.strictSame(
    readdirSync(directory).map(name => [name, statSync(join(directory, name)).mtimeMs]),
    before,
  )
})

test('older checkpoints that no start has removed yet do not keep verify from its end', async t => {
  const directory = await checkpointed(t)
  const newest = readdirSync(directory).find(each => each.startsWith('checkpoint')) ?? ''
  const left = ['checkpoint-0000000000000000', 'checkpoint-0000000000000001', `${newest}.old`]
  for (const name of left) cpSync(join(directory, newest), join(directory, name))

  t.equal(withDisk(directory, verify).waiting, 400)
  t.equal(withDisk(directory, figuresOf).waiting, 400)
  t.strictSame(
    left.filter(name => !readdirSync(directory).includes(name)),
    [],
  )
})

test('a flipped bit in the log is named by verify, and repair keeps what stood before it', async t => {
  const directory = await filled(t, 50)
  const file = join(directory, 'segment-00000001.log')
  flip(file, Math.floor(statSync(file).size / 2))

  t.throws(() => withDisk(directory, verify), /segment-00000001\.log at byte/)
  const [done] = withDisk(directory, repair)

  t.match(done, /^segment-00000001\.log ends at byte \d+ now/)
  const { waiting } = withDisk(directory, verify)
  t.ok(waiting > 20 && waiting < 30, `${waiting} of 50 are there`)
  t.ok(readdirSync(directory).includes('lost-segment-00000001.log'))
  t.strictSame(withDisk(directory, repair), [])
})

/** A store of small segments whose messages lie before its newest checkpoint. */
async function checkpointed(t: Test): Promise<string> {
  const directory = await filled(t, 400, SMALL)
  withDisk(directory, disk => {
    const log = new LogStore(disk, SMALL)
    log.recover()
    log.checkpoint()
    log.close()
  })
  return directory
}

test('where the newest segment is missing, repair makes the log end before it', async t => {
  const directory = await filled(t, 300, { ...SMALL, checkpointBytes: 1_000_000_000 })
  const names = readdirSync(directory).filter(name => name.startsWith('segment'))
  const newest = names.toSorted().at(-1) ?? ''
  rmSync(join(directory, newest))

  t.throws(
    () => withDisk(directory, verify),
    new RegExp(`the log goes on in ${newest}, which is missing`),
  )
  t.match(withDisk(directory, repair), [/ends at byte \d+ now/])
  const { waiting } = withDisk(directory, verify)
  t.ok(waiting > 100 && waiting < 300, `${waiting} wait`)
})

test('a message that cannot be read behind a checkpoint is given up by repair, and no other', async t => {
  const directory = await checkpointed(t)
  const file = join(directory, 'segment-00000002.log')
  flip(file, 10_000)

  t.throws(() => withDisk(directory, verify), /segment-00000002\.log at byte/)
  const done = withDisk(directory, repair)

  t.match(done, [/^1 messages cannot be read and are given up \(segment-00000002\.log at byte/])
  t.equal(withDisk(directory, verify).waiting, 399)
})

test('a checkpoint that is not whole is set aside where the whole log is there', async t => {
  const directory = await filled(t, 50)
  withDisk(directory, disk => {
    const log = new LogStore(disk, SMALL)
    log.recover()
    log.checkpoint()
    log.close()
  })
  const name = readdirSync(directory).find(each => each.startsWith('checkpoint')) ?? ''
  flip(join(directory, name), 40)

  t.throws(() => withDisk(directory, verify), new RegExp(`${name} at byte`))
  t.match(withDisk(directory, repair), [/is not whole: the log is read from an earlier place/])
  t.equal(withDisk(directory, verify).waiting, 50)
})

test('a store in use is copied while it goes on, and the copy is the store as it was at one moment', async t => {
  const directory = join(t.testdir(), 'data')
  const store = new FileStore(directory, SMALL)
  await store.open()
  await fill(store, 1, 100)
  let isCopying = true
  const goingOn = (async () => {
    for (let number = 101; isCopying; number++) {
      await fill(store, number, 1)
      // Old ones leave, so that segments become free meanwhile.
      await committed(store, { kind: 'settled', delivery: number - 100, owner: BOB })
    }
  })()

  const copies: string[] = []
  for (let count = 0; count < 5; count++) {
    const copy = join(t.testdirName, `copy-${count}`)
    copies.push(copy)
    const { status, errors } = await run(process.execPath, [
      CLI,
      'store',
      'backup',
      copy,
      '--data',
      directory,
    ])
    t.equal(status, 0, errors)
  }
  isCopying = false
  await goingOn
  await store.close()

  for (const copy of copies) {
    const { waiting, retained } = withDisk(copy, verify)
    t.ok(waiting === 100 || waiting === 101, `${waiting} waited`)
    t.equal(retained, 1)
  }
  t.notOk(readdirSync(directory).some(name => name.startsWith('hold-')))
})

test('a backup is restored only into a directory without a store', async t => {
  const directory = await filled(t, 10)
  const copy = join(t.testdirName, 'copy')
  const back = join(t.testdirName, 'back')

  t.match(backUp(directory, copy), { waiting: 10 })
  t.match(restoreBackup(copy, back), { waiting: 10 })

  t.throws(() => restoreBackup(copy, back), /back is not empty/)
  t.throws(() => backUp(join(t.testdirName, 'nothing'), copy))
  const store = new FileStore(back)
  t.match(await store.open(), { lastDelivery: 10 })
  await store.close()
})

test('the command reports an error in one sentence', async t => {
  const directory = await filled(t, 3)
  const asked = async (...words: readonly string[]) =>
    run(process.execPath, [CLI, 'store', ...words, '--data', directory])

  t.match(await asked('verify'), { status: 0, output: /^the store is whole\nsessions +1\n/ })
  t.match(await asked('stats'), { status: 0, output: /\nwaiting +3\n/ })
  const figures = (await asked('verify', '--json')).output
  t.match(JSON.parse(figures), { sessions: 1, waiting: 3, cut: null })
  t.match(await asked('repair'), { status: 0, output: 'there was nothing to repair\n' })
  t.match(await asked('mend'), { status: 1, errors: /takes one of verify, stats, repair/ })
  t.match(await asked('backup'), { status: 1, errors: /needs a directory/ })
  const store = new FileStore(directory)
  await store.open()
  t.match(await asked('verify'), { status: 1, errors: /Another Pondhawk \(process \d+\) uses/ })
  await store.close()
  cpSync(directory, join(t.testdirName, 'other'), { recursive: true })
  flip(join(t.testdirName, 'other', 'segment-00000001.log'), 100)
  const damaged = ['store', 'verify', '--data', join(t.testdirName, 'other')]
  t.match(await run(process.execPath, [CLI, ...damaged]), {
    status: 1,
    errors: /^the store is damaged: segment-00000001\.log at byte 72: /,
  })
})

test('a flipped bit in the header of an old segment costs its messages and no more', async t => {
  const directory = await checkpointed(t)
  flip(join(directory, 'segment-00000002.log'), 3)

  t.throws(() => withDisk(directory, verify), /segment-00000002\.log at byte 0/)
  const done = withDisk(directory, repair)

  t.match(done, [/messages cannot be read and are given up \(segment-00000002\.log at byte 0\)/])
  const { waiting } = withDisk(directory, verify)
  t.ok(waiting > 200 && waiting < 400, `${waiting} of 400 are there`)
})

test('a second repair keeps what the first has set aside', async t => {
  const directory = await filled(t, 50)
  const file = join(directory, 'segment-00000001.log')
  for (const part of [0.8, 0.5]) {
    flip(file, Math.floor((statSync(file).size * part) / 8) * 8 + 30)
    withDisk(directory, repair)
  }
  const lost = readdirSync(directory).filter(name => name.startsWith('lost-'))
  t.strictSame(lost.sort(), ['lost-2-segment-00000001.log', 'lost-segment-00000001.log'])
})

test('a backup without room is refused with figures, and leaves nothing', { skip }, async t => {
  const disk = mounted(t, 'size=62m')
  const data = join(disk, 'data')
  cpSync(await filled(t, 100), data, { recursive: true })
  const needs =
    /no room .*: it needs 65 MiB, some of which the broker must keep free, and 6\d MiB are free$/
  t.throws(() => backUp(data, join(disk, 'copy')), needs)
  t.strictSame(readdirSync(disk), ['data'])

  const small = mounted(t, 'size=16k')
  const full = /no room for a copy in .*: it needs 1 MiB, and 1 MiB are free$/
  t.throws(() => backUp(data, join(small, 'copy')), full)
  t.strictSame(readdirSync(small), [])
  t.notOk(readdirSync(data).some(name => name.startsWith('hold-')))
})

test('an interrupted backup leaves no store, and does not prevent another backup', async t => {
  const directory = await filled(t, 10)
  const copy = join(t.testdirName, 'copy')
  cpSync(directory, `${copy}.part`, { recursive: true })
  writeFileSync(join(directory, 'hold-4194305'), '')

  t.match(backUp(directory, copy), { waiting: 10 })
  t.strictSame(
    readdirSync(t.testdirName).filter(name => name.endsWith('.part')),
    [],
  )
  withDisk(directory, disk => t.notOk(disk.list().includes('hold-4194305')))
  t.throws(() => restoreBackup(t.testdirName, join(t.testdirName, 'x')), /there is no backup/)
})
