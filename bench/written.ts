// Measures how many bytes the broker writes to its disk for a message: what an SD card wears out by. `npm run written`. The figures are the
// kernel's own for this process (write_bytes of /proc/self/io), and do not depend on how fast the machine is.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createBroker, type EmbeddedBroker } from '../src/index.ts'

const SIZES = [16, 128, 1_024]
const AT_ONCE = [1, 64]
const TOPICS = 50
const PROFILES = {
  default: {},
  small: { segmentBytes: 1_048_576, checkpointBytes: 1_048_576 },
  os: { durability: 'os' },
} as const

const { values } = parseArgs({ options: { messages: { type: 'string', default: '2048' } } })
const messages = Number(values.messages)

interface Way {
  readonly name: string
  readonly retain: boolean
  /** Whether a client with a durable session receives and acknowledges the messages. */
  readonly isQueued: boolean
}

const WAYS: readonly Way[] = [
  { name: 'retained', retain: true, isQueued: false },
  { name: 'queued, acknowledged', retain: false, isQueued: true },
]

function written(): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

async function publish(broker: EmbeddedBroker, size: number, atOnce: number, retain: boolean) {
  const client = await broker.connect({ clientId: 'publisher' })
  const payload = Buffer.alloc(size, 'x')
  for (let first = 0; first < messages; first += atOnce) {
    const numbers = Array.from({ length: atOnce }, (_, index) => first + index)
    await Promise.all(
      numbers.map(each =>
        client.publish({ topic: `home/room/${each % TOPICS}`, payload, qos: 1, retain }),
      ),
    )
  }
}

async function receive(broker: EmbeddedBroker): Promise<void> {
  let count = 0
  const options = { clientId: 'reader', sessionExpirySeconds: 3_600, qos: 1 } as const
  for await (const _ of broker.messages('home/#', options)) {
    count += 1
    if (count === messages) return
  }
}

async function row(way: Way, size: number, atOnce: number, profile: keyof typeof PROFILES) {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-written-'))
  const broker = await createBroker({
    listeners: [],
    store: { directory, ...PROFILES[profile] },
  })
  const received = way.isQueued ? receive(broker) : Promise.resolve()
  await sleep(200)
  const before = written()
  await publish(broker, size, atOnce, way.retain)
  await received
  const bytes = written() - before
  await broker.close()
  rmSync(directory, { recursive: true })
  const each = Math.round(bytes / messages)
  console.log(
    [way.name.padEnd(22), profile.padEnd(8), size, atOnce, each, (each / size).toFixed(1)].join(
      '\t',
    ),
  )
}

console.log('way\t\t\tprofile\t\tpayload\tat once\twritten\ttimes the payload')
for (const way of WAYS)
  for (const profile of ['default', 'small', 'os'] as const)
    for (const atOnce of AT_ONCE) for (const size of SIZES) await row(way, size, atOnce, profile)
