// Fills a named queue, starts the broker anew, and empties the queue: how long each takes, and how much memory a waiting message has.
//
//   npm run deep-queue -- --messages 10000000 --durability os

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    durability: { type: 'string', default: 'os' },
  },
})
const MESSAGES = Number(values.messages)
const PUBLISHERS = 4
const BATCH = 2_000
const PORT = 18_830
const TOPIC = 'work/x'
const PAYLOAD_BYTES = 32
const COMMAND = resolve(import.meta.dirname, '../bundle/command/pondhawk.js')

const folder = mkdtempSync(resolve(tmpdir(), 'pondhawk-deep-'))
const file = resolve(folder, 'pondhawk.yaml')
writeFileSync(
  file,
  `listeners: [{port: ${PORT}, host: 127.0.0.1}]
store: {directory: ${folder}/data, durability: ${values.durability}}
queues: {named: {deep: {filters: [work/#], messagesMax: 100000000, bytesMax: 1000000000000}}}
`,
)

async function started(): Promise<ChildProcess> {
  const broker = spawn(process.execPath, [COMMAND, 'start', '--config', file])
  for await (const chunk of broker.stdout) if (String(chunk).includes('"ready"}')) break
  broker.stdout.resume()
  return broker
}

async function stopped(broker: ChildProcess): Promise<void> {
  const ended = once(broker, 'exit')
  broker.kill('SIGTERM')
  await ended
}

function mebibytes({ pid }: ChildProcess): number {
  const [, kilobytes = '0'] =
    /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1_024
}

async function client(clientId: string): Promise<Socket> {
  const socket = connect(PORT, '127.0.0.1')
  await once(socket, 'connect')
  const id = text(clientId)
  socket.write(Buffer.concat([packet(0x10, [text('MQTT'), Buffer.of(4, 2, 0, 0), id])]))
  await once(socket, 'data')
  return socket
}

function text(words: string): Buffer {
  const bytes = Buffer.from(words)
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes])
}

/** One of less than 128 bytes. */
function packet(first: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(first, body.length), body])
}

async function publishes(count: number, clientId: string): Promise<void> {
  const socket = await client(clientId)
  const payload = Buffer.alloc(PAYLOAD_BYTES, 'x')
  const batch = Array.from({ length: BATCH }, (_, index) =>
    packet(0x32, [text(TOPIC), Buffer.of((index + 1) >> 8, (index + 1) & 255), payload]),
  )
  for (let sent = 0; sent < count; sent += BATCH) {
    socket.write(Buffer.concat(batch))
    // PUBACK has 4 bytes.
    for (let bytes = 0; bytes < BATCH * 4;) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      bytes += chunk.length
    }
  }
  socket.destroy()
}

/** Takes this many messages at QoS 1. */
async function consumes(count: number): Promise<void> {
  const socket = await client('consumer')
  socket.write(packet(0x82, [Buffer.of(0, 1), text('$queue/deep'), Buffer.of(1)]))
  let taken = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk])
    const answers: Buffer[] = []
    let at = 0
    for (; at + 1 < rest.length; at += 2 + (rest[at + 1] ?? 0)) {
      if (at + 2 + (rest[at + 1] ?? 0) > rest.length) break
      if ((rest[at] ?? 0) >> 4 !== 3) continue
      const id = at + 2 + 2 + TOPIC.length
      answers.push(Buffer.of(0x40, 2, rest[id] ?? 0, rest[id + 1] ?? 0))
      taken += 1
    }
    rest = rest.subarray(at)
    if (answers.length > 0) socket.write(Buffer.concat(answers))
    if (taken >= count) break
  }
  socket.destroy()
}

async function timed(what: string, act: () => Promise<unknown>, count = MESSAGES): Promise<void> {
  const began = performance.now()
  await act()
  const seconds = (performance.now() - began) / 1_000
  const rate = Math.round(count / seconds).toLocaleString('en')
  process.stdout.write(`${what}: ${seconds.toFixed(1)} s, ${rate} messages a second\n`)
}

let broker = await started()
process.once('exit', () => broker.kill('SIGKILL'))
const empty = mebibytes(broker)
const each = MESSAGES / PUBLISHERS
const names = Array.from({ length: PUBLISHERS }, (_, index) => `publisher-${index}`)
await timed('filled', () => Promise.all(names.map(name => publishes(each, name))))
process.stdout.write(
  `memory: ${empty.toFixed(0)} MiB empty, ${mebibytes(broker).toFixed(0)} full\n`,
)
await timed('stopped', () => stopped(broker))
await timed('started', async () => (broker = await started()))
const full = mebibytes(broker)
const bytes = Math.round(((full - empty) * 1_048_576) / MESSAGES)
process.stdout.write(`memory: ${full.toFixed(0)} MiB after the start, ${bytes} bytes a message\n`)
await timed('emptied', () => consumes(MESSAGES))
await stopped(broker)
rmSync(folder, { recursive: true })
