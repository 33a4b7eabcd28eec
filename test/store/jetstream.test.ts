// The log in a stream of NATS JetStream, over a real server.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { Random } from '../../sim/random.ts'
import { durabilityOf, engineProblem } from '../../src/store/jetstream/durability.ts'
import { JetStreamLog } from '../../src/store/jetstream/jetstream-log.ts'
import type { JetStreamLogOptions } from '../../src/store/jetstream/stream-opening.ts'
import { JetStreamStore } from '../../src/store/jetstream/jetstream-store.ts'
import { FRAME, messagesOf, newWriterId } from '../../src/store/jetstream/log-message.ts'
import { connectNats } from '../../src/store/jetstream/nats.ts'
import { logConfig, streamProblem, streamsOf } from '../../src/store/jetstream/stream-settings.ts'
import { STORE_RULES } from '../../src/store-kit.ts'
import { BOB, committed, OPENED, pageOf, queued, stored } from '../../src/store-kit/changes.ts'
import { DurableState } from '../../src/store-kit/durable-state.ts'
import { inOrder, OWNERS, RandomChanges } from '../../src/store-kit/random-changes.ts'
import { lossyNats } from './lossy-nats.ts'
import {
  answerOf,
  append,
  appendAll,
  checkpoint,
  close,
  EXTENT_BYTES,
  fetched,
  recovered,
  testLogDevice,
} from './log-device-rules.ts'
import { NatsServer } from '../../crash/brokers/nats-server.ts'
import { SKIP } from './nats.ts'

const skip = SKIP
const directory = mkdtempSync(join(tmpdir(), 'pondhawk-nats-'))
const server = new NatsServer(directory)
if (SKIP === false) await server.start()

const ACCOUNTS = `
jetstream { store_dir: "${directory}/guarded" }
accounts {
  HAS: {
    jetstream: enabled
    users: [{ user: reads, password: secret, permissions: { publish: "$JS.API.STREAM.INFO.*" } }]
  }
  HAS_NOT: { users: [{ user: without, password: secret }] }
}`

const PAGES = { pageMessages: 7, pageBytes: 1_048_576, checkpointBytes: 4_096, reserveBytes: 0 }
const EMPTY = { messages: 0, bytes: 0, first_seq: 0, last_seq: 0 }
let streams = 0

/** Of a stream that is not there yet. */
function optionsFor(options: Partial<JetStreamLogOptions> = {}): JetStreamLogOptions {
  streams += 1
  return {
    nats: { servers: [server.url] },
    stream: `log-${streams}`,
    replicas: 1,
    bytesMax: null,
    syncsAlways: false,
    extentBytes: EXTENT_BYTES,
    // So that each frame is fetched from the engine.
    cacheBytes: 0,
    waitMs: 5_000,
    ...options,
  }
}

/** Does something with the server as another client would. */
async function asOther(
  subject: string,
  payload: Uint8Array | string,
  at: NatsServer = server,
): Promise<string> {
  const { connection } = await connectNats({ servers: [at.url] })
  const answer = await connection.request(subject, payload, { timeout: 2_000 })
  await connection.close()
  return Buffer.from(answer.data).toString()
}

testLogDevice(
  'a log in JetStream',
  () => {
    const options = optionsFor()
    return () => new JetStreamLog(options)
  },
  skip,
)

for (const { sentence, check } of STORE_RULES) {
  test(`the store in JetStream: ${sentence}`, { skip }, async () => {
    const options = optionsFor({ cacheBytes: 16_384 })
    await check({ store: () => new JetStreamStore({ ...options, ...PAGES, directory: null }) })
  })
}

for (let seed = 1; seed <= 2; seed++) {
  test(
    `a store in JetStream whose answers get lost tells what the plain state tells, seed ${seed}`,
    { skip },
    async t => {
      const random = new RandomChanges(seed)
      const model = new DurableState(PAGES.pageMessages)
      const faults = new Random(seed)
      const load = lossyNats(faults, () => faults.below(10) === 0)
      const options = { ...optionsFor({ load }), ...PAGES, directory: null }
      let lookUps = 0
      for (let round = 0; round < 3; round++) {
        const store = new JetStreamStore(options)
        model.forgetBegun()
        t.strictSame(inOrder(await store.open()), inOrder(model.snapshot()))
        for (let count = 0; count < 40; count++) {
          const changes = random.group()
          model.apply(changes)
          const isCommitted = committed(store, ...changes)
          const owner = OWNERS[count % OWNERS.length] ?? BOB
          const page = pageOf(store, owner, count)
          await isCommitted
          t.strictSame(await page, model.page(owner, count))
        }
        lookUps += store.lookUps
        await store.close()
      }
      t.ok(lookUps > 0, `${lookUps} answers were lost`)
    },
  )
}

test(
  'a writer that another one has followed appends nothing more, and its checkpoint does not count',
  { skip },
  async t => {
    const options = optionsFor()
    const first = await recovered(() => new JetStreamLog(options))
    const mine = await append(first.log, 'mine', first.last)
    const begun = first.log.checkpoint(mine.position)
    const second = await recovered(() => new JetStreamLog(options))
    t.strictSame(second.frames, ['mine'])

    await t.rejects(append(first.log, 'late', mine.position), /another writer owns it/)
    await t.rejects(append(first.log, 'later', mine.position), /another writer owns it/)
    await t.rejects(
      answerOf<void>(done => begun.finish(done)),
      /another writer owns it/,
    )
    await append(second.log, 'of the second', second.last)
    await close(first.log)
    await close(second.log)
    const third = await recovered(() => new JetStreamLog(options))
    t.strictSame(third.parts, [])
    t.strictSame(third.frames, ['mine', 'of the second'])
    await close(third.log)
  },
)

test(
  'a frame that is larger than a message is several, and counts when the last is there',
  { skip },
  async t => {
    const options = optionsFor()
    const { log, last } = await recovered(() => new JetStreamLog(options))
    const large = Buffer.alloc(1_300_000, 'x')
    const { position } = await append(log, large, last)
    t.equal(await fetched(log, [position]).then(([frame]) => frame?.length), large.length)
    await append(log, 'small', position)
    await close(log)

    // A writer that is killed between two parts: the barrier, three parts, a frame and its own barrier come before.
    const names = streamsOf(options.stream)
    const { connection } = await connectNats(options.nats)
    const again = await recovered(() => new JetStreamLog(options))
    const [part = Buffer.alloc(0)] = messagesOf(FRAME, large, newWriterId(), 7, 524_288)
    await connection.request(`${names.extents}.9`, part, { timeout: 2_000 })
    await connection.close()
    await close(again.log)

    const then = await recovered(() => new JetStreamLog(options))
    t.strictSame(
      then.frames.map(frame => frame.length),
      [large.length, 5],
    )
    const next = await append(then.log, 'next', then.last)
    await close(then.log)
    const whole = await recovered(() => new JetStreamLog(options))
    t.equal(whole.frames.at(-1), 'next')
    t.equal(whole.last, next.position)
    await close(whole.log)
  },
)

test('a long log is read whole, in order and again', { skip }, async t => {
  const options = optionsFor()
  const first = await recovered(() => new JetStreamLog(options))
  const frames = Array.from({ length: 700 }, (_, index) => `frame ${index}`)
  const positions = await appendAll(first.log, frames, first.last)
  await close(first.log)
  const then = await recovered(() => new JetStreamLog(options))
  t.strictSame(then.frames, frames)
  t.strictSame(then.positions, positions)
  await close(then.log)
  const { extents, log } = streamsOf(options.stream)
  await asOther(`$JS.API.STREAM.PURGE.${log}`, `{"filter":"${extents}.1","seq":300}`)
  await t.rejects(
    recovered(() => new JetStreamLog(options)),
    /at message 2: the message is missing/,
  )
})

test('a message that is missing or changed is an error that names its place', { skip }, async t => {
  const missing = optionsFor()
  const first = await recovered(() => new JetStreamLog(missing))
  await appendAll(first.log, ['one', 'two'], first.last)
  await close(first.log)
  const { extents } = streamsOf(missing.stream)
  await asOther(`$JS.API.STREAM.PURGE.${missing.stream}`, `{"filter":"${extents}.1"}`)
  await t.rejects(
    recovered(() => new JetStreamLog(missing)),
    new RegExp(`the stream ${missing.stream} at message 2: the message is missing`),
  )

  const changed = optionsFor()
  const second = await recovered(() => new JetStreamLog(changed))
  await close(second.log)
  await asOther(`${streamsOf(changed.stream).extents}.1`, 'not of this log, but long enough to be')
  await t.rejects(
    recovered(() => new JetStreamLog(changed)),
    new RegExp(`the stream ${changed.stream} at message 2: the checksum is wrong`),
  )

  const halved = optionsFor()
  const third = await recovered(() => new JetStreamLog(halved))
  const { position } = await append(third.log, 'one', third.last)
  await checkpoint(third.log, position, ['state'])
  await close(third.log)
  await asOther(`$JS.API.STREAM.PURGE.${halved.stream}-checkpoints`, '')
  await t.rejects(
    recovered(() => new JetStreamLog(halved)),
    new RegExp(`the stream ${halved.stream}-checkpoints .*part 0 of the checkpoint is missing`),
  )
})

test(
  'a stream that is full refuses, and takes more when something was freed',
  { skip },
  async t => {
    const options = optionsFor({ bytesMax: 100_000 })
    const { log, last } = await recovered(() => new JetStreamLog(options))
    const frames = Array.from({ length: 5 }, () => Buffer.alloc(EXTENT_BYTES, 'x'))
    const positions = await appendAll(log, frames, last)
    t.ok(log.freeBytes() < 20_000, `${log.freeBytes()} bytes are free`)
    const at = positions.at(-1) ?? 0
    await t.rejects(append(log, Buffer.alloc(50_000), at), { name: 'DiskFull' })
    await checkpoint(log, at, [])
    const numbers = log.extents().map(({ number }) => number)
    const freed = await new Promise(resolve => log.truncate(numbers, (_, count) => resolve(count)))
    t.ok(Number(freed) >= 4)
    t.ok(log.freeBytes() > 50_000)
    await append(log, Buffer.alloc(50_000), at)
    await close(log)
  },
)

test(
  'a stream that could lose messages, or belongs to others, is refused with a sentence',
  { skip },
  async t => {
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ description: 'orders' }, /is no log of Pondhawk/],
      [{ description: 'Pondhawk log, format 2' }, /a newer version wrote it/],
      [{ subjects: ['other.>'] }, /is the log of another name/],
      [{ discard: 'old' }, /discards old messages when it is full/],
      [{ storage: 'memory' }, /is kept in memory/],
      [{ max_age: 1_000_000_000_000 }, /has a maximum age/],
      [{ max_msgs_per_subject: 10 }, /has a maximum for each subject/],
      [{ allow_direct: false }, /allows no direct reading/],
    ]
    for (const [change, sentence] of cases) {
      const options = optionsFor()
      const config = { ...logConfig(streamsOf(options.stream), options), ...change }
      const answer = await asOther(
        `$JS.API.STREAM.CREATE.${options.stream}`,
        JSON.stringify(config),
      )
      t.notMatch(answer, /"error"/)
      await t.rejects(
        recovered(() => new JetStreamLog(options)),
        sentence,
      )
    }
    const wanted = logConfig(streamsOf('log'), { replicas: 3, bytesMax: null })
    const info = { config: { ...wanted, num_replicas: 1 }, state: EMPTY }
    t.match(streamProblem(info, wanted), /has 1 replicas, and the configuration says 3/)
  },
)

test('fsync is said only of servers that can sync before they answer, and are said to', async t => {
  const facts = { replicas: 3, syncsAlways: true, version: '2.10.4' }
  t.equal(durabilityOf(facts), 'fsync')
  t.equal(durabilityOf({ ...facts, replicas: 1 }), 'fsync')
  t.equal(durabilityOf({ ...facts, syncsAlways: false }), 'replicated')
  t.equal(durabilityOf({ ...facts, version: '2.9.25' }), 'replicated')
  t.equal(durabilityOf({ ...facts, version: '2.9.25', replicas: 1 }), 'os')
  t.equal(durabilityOf({ ...facts, version: '3.0.0' }), 'fsync')
  t.equal(durabilityOf({ ...facts, version: 'unknown' }), 'replicated')
  t.equal(engineProblem(facts), null)
  t.match(engineProblem({ ...facts, version: '2.9.10' }), /loses messages of replicated streams/)
  const one = { ...facts, replicas: 1, version: '2.9.10' }
  t.match(engineProblem(one), /syncsAlways is true, and nats-server 2.9.10 cannot sync/)
  t.equal(engineProblem({ ...one, syncsAlways: false }), null)
})

test('a server that is killed and comes back has lost nothing acknowledged', { skip }, async t => {
  const place = t.testdir()
  const killed = new NatsServer(place)
  await killed.start()
  t.teardown(() => killed.stop())
  const options = {
    ...optionsFor({ nats: { servers: [killed.url] } }),
    ...PAGES,
    directory: null,
  }
  const store = new JetStreamStore(options)
  await store.open()
  await committed(store, OPENED)
  let acknowledged = 0
  let isOver = false
  const commits = (async () => {
    while (!isOver) {
      const next = acknowledged + 1
      await committed(store, stored(next), queued(next, next))
      acknowledged = next
    }
  })()
  for (let kill = 0; kill < 3; kill++) {
    const before = acknowledged
    while (acknowledged < before + 50) await new Promise(setImmediate)
    await killed.kill()
    await killed.start()
  }
  isOver = true
  await commits
  await store.close()

  const then = new JetStreamStore({ ...options, pageMessages: 1_000_000, pageBytes: 1_000_000_000 })
  await then.open()
  const page = await pageOf(then, BOB, 0)
  t.equal(page.length, acknowledged)
  await then.close()
})

test('a server that does not let a store in is named with the cause', { skip }, async t => {
  const waitMs = 400
  const nobody = optionsFor({ nats: { servers: ['nats://127.0.0.1:1'] }, waitMs })
  await t.rejects(
    recovered(() => new JetStreamLog(nobody)),
    /no server of NATS can be reached at nats:\/\/127.0.0.1:1 \(for 0.4 seconds\): .*refused/,
  )
  const guarded = new NatsServer(t.testdir(), ACCOUNTS)
  await guarded.start()
  t.teardown(() => guarded.stop())
  const password = join(directory, 'password')
  writeFileSync(password, 'secret\r\nand what it is for\n')
  const cases: readonly (readonly [object, RegExp])[] = [
    [{}, /NATS at nats:.*Authorization Violation/],
    [{ user: 'reads', passwordFile: password }, /NATS refuses: Permissions Violation/],
    [{ user: 'without', passwordFile: password }, /JetStream not enabled for account/],
  ]
  for (const [user, sentence] of cases) {
    const options = optionsFor({ nats: { servers: [guarded.url], ...user }, waitMs })
    await t.rejects(
      recovered(() => new JetStreamLog(options)),
      sentence,
    )
  }
  const plain = new NatsServer(mkdtempSync(join(directory, 'plain-')), '')
  await plain.start()
  t.teardown(() => plain.stop())
  await t.rejects(
    recovered(() => new JetStreamLog(optionsFor({ nats: { servers: [plain.url] }, waitMs }))),
    /JetStream does not answer: no server of the cluster has it enabled, .*for 0.4 seconds/,
  )
  const load = () => Promise.reject(new Error('no such module'))
  await t.rejects(
    recovered(() => new JetStreamLog(optionsFor({ load }))),
    /needs the package @nats-io\/transport-node \(npm install/,
  )
})

test('the server ends', { skip }, async () => {
  await server.kill()
  rmSync(directory, { recursive: true })
})
