// Bytes that a front end was made to send to the core: what the core does is what a second reading says, however they are cut.

import { CoreLink } from '../../src/link/core-link.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target.ts'
import { count, type FileKind } from './file-target.ts'
import { QuietSocket } from './quiet-socket.ts'
import { type LinkEvents, readLink } from './reference-link.ts'

/** How many connections the front end was given. */
const CONNECTIONS = 3

/** Tests plant faults in what the link does. */
export function linkKind(reads: typeof heardBy = heardBy): FileKind {
  return { name: 'link', make, check: (bytes, counts) => check(reads, bytes, counts) }
}

const TEXTS: readonly string[] = [
  '{"spentMs":5,"protocol":"mqtt","generation":1,"certificate":null,"psk":null}',
  '{"spentMs":5,"protocol":"http","generation":1,"certificate":null,"psk":"sensor"}',
  '{"spentMs":0,"protocol":"mqtt","generation":1,"certificate":{"commonName":"c","subjectAltNames":[],"fingerprint":"f","validTo":1,"issuedAs":["a"]},"psk":null}',
  '{"address":"192.0.2.1","port":1}',
  '{"cause":"it was wrong"}',
  '{"level":"warn","fields":{"event":"tls.refused","address":"x"},"sentence":"s"}',
  '{"cpuSeconds":1,"residentBytes":2,"loopDelayMs":3,"readPauses":4}',
  '{"spentMs":-1}',
  '{"__proto__":{"cause":"x"}}',
  'a cause',
  '[]',
  '',
]

/** The text that fits a kind, most of the time: by the number of the kind. */
const FITTING: ReadonlyMap<number, readonly string[]> = new Map([
  [32, TEXTS.slice(0, 3)],
  [33, ['of a client', 'more of it']],
  [34, ['']],
  [35, ['\u0001\u0000\u0000\u0000']],
  [36, ['']],
  [37, ['', 'a cause']],
  [38, ['']],
  [39, [TEXTS[3] ?? '']],
  [40, ['']],
  [41, [TEXTS[4] ?? '']],
  [42, [TEXTS[5] ?? '']],
  [43, [TEXTS[6] ?? '']],
  [44, ['\u0001\u0000\u0000\u0000']],
])

function make(random: Random): Buffer {
  const frames: Buffer[] = []
  // Most connections are opened first.
  for (let connection = 1; connection <= CONNECTIONS; connection++) {
    if (!random.chance(4)) frames.push(frameOf(32, connection, TEXTS[0] ?? ''))
  }
  for (let left = random.below(12); left > 0; left--) {
    const kind = random.chance(20) ? random.below(256) : 32 + random.below(13)
    const connection = random.chance(15)
      ? random.of([0, 4, 2 ** 40])
      : 1 + random.below(CONNECTIONS)
    const text = random.chance(10) ? random.of(TEXTS) : random.of(FITTING.get(kind) ?? TEXTS)
    const hasNoTurn = kind === 38 && !random.chance(4)
    frames.push(frameOf(kind, hasNoTurn ? 0 : connection, text))
  }
  const bytes = Buffer.concat(frames)
  if (random.chance(3) && bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256)
  return random.chance(8) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes
}

function frameOf(kind: number, connection: number, text: string): Buffer {
  const body = Buffer.from(text)
  const header = Buffer.alloc(11)
  header.writeUInt32LE(body.length, 0)
  header[4] = kind
  header.writeUIntLE(connection, 5, 6)
  return Buffer.concat([header, body])
}

function check(reads: typeof heardBy, bytes: Buffer, counts: Record<string, number>): Outcome {
  const expected = readLink(bytes, CONNECTIONS)
  count(counts, expected.hasFailed ? 'refused' : 'accepted')
  const size = 1 + (bytes.length % 7)
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )
  for (const [how, chunks] of [
    ['whole', [bytes]],
    [`in pieces of ${size}`, pieces],
  ] as const) {
    const found = reads(chunks, CONNECTIONS)
    if (JSON.stringify(found) === JSON.stringify(expected)) continue
    return `${how}: ${JSON.stringify(found)} in place of ${JSON.stringify(expected)}`
  }
  return null
}

/** What the core has heard of the link. */
export function heardBy(chunks: readonly Buffer[], connections: number): LinkEvents {
  const events: string[] = []
  const bytes = new Map<number, string>()
  let hasFailed = false
  const link = new CoreLink(new QuietSocket(), {
    line: ({ level, sentence }) => events.push(`line ${level} ${sentence}`),
    figures: ({ cpuSeconds }) => events.push(`figures ${cpuSeconds}`),
    failed: () => (hasFailed = true),
  })
  for (let number = 1; number <= connections; number++) {
    const wire = link.hand({
      peer: { address: '', port: 0, transport: 'tcp', listener: '', certificate: null },
      messageBytesMax: 0,
      named: ({ address }) => events.push(`named ${number} ${address}`) > 0,
      refused: cause => events.push(`refused ${number} ${cause}`),
      opened: (_wire, { protocol, certificate, psk }) => {
        events.push(`opened ${number} ${protocol} ${certificate?.commonName ?? '-'} ${psk ?? '-'}`)
        wire.open({
          received: chunk =>
            bytes.set(number, (bytes.get(number) ?? '') + (chunk as Buffer).toString('hex')),
          heard: () => events.push(`heard ${number}`),
          drained: () => {},
          closed: () => {},
        })
      },
      ended: () => events.push(`ended ${number}`),
    })
  }
  for (const chunk of chunks) link.received(chunk)
  const outcome = { events: [...events], bytes: Object.fromEntries(bytes), hasFailed }
  link.failed(null)
  return outcome
}
