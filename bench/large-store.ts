// A large store, by hand: how long a start takes, and how long the steps of a checkpoint hold up commits.
// `node dist/bench/large-store.js --messages 10000000 --directory DIR`, or `--kind memory`.

import { mkdirSync, readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { NO_PROPERTIES } from '../src/packet/packet.ts'
import type { Change, Owner } from '../src/store/change.ts'
import { FileDisk } from '../src/store/file-disk.ts'
import { FileStore } from '../src/store/file-store.ts'
import { LogStore } from '../src/store/log/log-store.ts'
import { MemoryStore } from '../src/store/memory-store.ts'
import type { Store } from '../src/store/store.ts'

const QUEUES = 100
const COMMIT_MESSAGES = 100
const PAYLOAD_BYTES = 200

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    directory: { type: 'string', default: 'large-store-data' },
    kind: { type: 'string', default: 'file' },
  },
})
const messages = Number(values.messages)
const payload = Buffer.alloc(PAYLOAD_BYTES, 'x')

/** The longest of many times, in milliseconds. */
class Longest {
  wall = 0
  cpu = 0
  count = 0

  of(act: () => void): void {
    const start = performance.now()
    const used = process.cpuUsage()
    act()
    const { user, system } = process.cpuUsage(used)
    this.wall = Math.max(this.wall, performance.now() - start)
    this.cpu = Math.max(this.cpu, (user + system) / 1_000)
    this.count += 1
  }

  tell(what: string): void {
    const { wall, cpu, count } = this
    console.log(`${what}: ${count}, at most ${wall.toFixed(1)} ms, of CPU ${cpu.toFixed(1)} ms`)
  }
}

function ownerOf(number: number): Owner {
  return { kind: 'session', clientId: `client-${number % QUEUES}` }
}

function sessions(): readonly Change[] {
  return Array.from({ length: QUEUES }, (_, number) => ({
    kind: 'session-opened',
    clientId: `client-${number}`,
    expiryIntervalSeconds: 1_000_000,
  }))
}

function queuedAt(number: number): readonly Change[] {
  const message = {
    topic: `plant/${number % 1_000}/temperature`,
    payload,
    qos: 1,
    retain: false,
    publisher: 'publisher',
    properties: NO_PROPERTIES,
    expiresAt: Infinity,
    sequence: number,
  } as const
  const queued = {
    kind: 'queued',
    delivery: number,
    owner: ownerOf(number),
    sequence: number,
    qos: 1,
    retain: false,
    identifiers: [],
    packetId: 0,
  } as const
  return [{ kind: 'message-stored', message }, queued]
}

function commitFrom(first: number): readonly Change[] {
  return Array.from({ length: COMMIT_MESSAGES }, (_, index) => queuedAt(first + index)).flat()
}

/** What a broker does all the time: as many leave as come. */
function commitDuring(first: number, oldest: number): readonly Change[] {
  const settled = Array.from(
    { length: COMMIT_MESSAGES },
    (_, index) =>
      ({ kind: 'settled', delivery: oldest + index, owner: ownerOf(oldest + index) }) as const,
  )
  return [...commitFrom(first), ...settled]
}

function fill(directory: string): void {
  const disk = new FileDisk(directory)
  const log = new LogStore(disk, { durability: 'os' })
  log.open()
  log.commit(sessions())
  for (let first = 1; first <= messages; first += COMMIT_MESSAGES) {
    log.commit(commitFrom(first))
    log.work()
  }
  log.close()
  disk.close()
}

async function start(directory: string): Promise<void> {
  const store = new FileStore(directory)
  const began = performance.now()
  const used = process.cpuUsage()
  const snapshot = await store.open()
  const { user, system } = process.cpuUsage(used)
  const opened = performance.now()
  await new Promise<void>(resolve => store.page(ownerOf(1), 0, () => resolve()))
  const page = performance.now() - opened
  const waiting = snapshot.sessions.reduce((sum, { remainder }) => sum + remainder.messages, 0)
  const cpu = (user + system) / 1_000
  console.log(`start: ${(opened - began).toFixed(0)} ms, of CPU ${cpu.toFixed(0)} ms`)
  console.log(`${waiting} messages wait; a page: ${page.toFixed(0)} ms`)
  await store.close()
}

function checkpoint(directory: string): void {
  const disk = new FileDisk(directory)
  const log = new LogStore(disk, { checkpointBytes: 1 })
  log.open()
  const [commits, steps, alone] = [new Longest(), new Longest(), new Longest()]
  let oldest = 1
  let first = messages + 1
  const next = (longest: Longest): void => {
    const changes = commitDuring(first, oldest)
    longest.of(() => log.commit(changes))
    first += COMMIT_MESSAGES
    oldest += COMMIT_MESSAGES
  }
  for (let count = 0; count < 1_000; count++) next(alone)
  while (log.checkpoints === 0) {
    next(commits)
    steps.of(() => log.work())
  }
  alone.tell('commits without a checkpoint')
  commits.tell('commits during a checkpoint')
  steps.tell('steps of the checkpoint')
  log.close()
  disk.close()
}

async function memory(): Promise<void> {
  const store: Store = new MemoryStore()
  await store.open()
  const longest = new Longest()
  const commit = (changes: readonly Change[]): void => {
    for (const change of changes) store.record(change)
    longest.of(() => store.commit(() => {}))
  }
  commit(sessions())
  for (let first = 1; first <= messages; first += COMMIT_MESSAGES) commit(commitFrom(first))
  longest.tell(`commits of a memory store up to ${messages} messages`)
}

if (values.kind === 'memory') await memory()
else {
  mkdirSync(values.directory, { recursive: true })
  if (readdirSync(values.directory).length === 0) fill(values.directory)
  await start(values.directory)
  checkpoint(values.directory)
}
