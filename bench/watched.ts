// What the dashboard costs the broker: 10,000 connected clients, 50,000 messages a second, and in every second window of some seconds
// the requests and streams of a page open on each screen. `npm run watched -- --pairs 10 --seconds 6`.
// `--sessions 100000` adds so many sessions of clients that are away; a probe tells how long a message takes meanwhile.
// The viewers are scripts in this process: what a browser draws is not the broker's time.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientRequest, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { connectPacket, DISCONNECT_BYTES, subscribePacket } from './generator/packets.ts'
import { cpuSeconds, processTree } from './process-tree.ts'
import { CLI, type StartedBroker, startBroker } from './started-broker.ts'

const STEP_MS = 20
const CONNECTS_AT_ONCE = 100
const PAYLOAD = Buffer.alloc(16, 'x')
const EVERYTHING = '#'

/** What the screens ask for, beside `metrics` and `status`: streams, and paths with the seconds between two requests. */
interface Screen {
  readonly stream?: string
  readonly paths: readonly (readonly [path: string, seconds: number])[]
}

const SCREENS: Readonly<Record<string, Screen>> = {
  overview: { paths: [['metrics/history?range=60s', 60]] },
  clients: {
    paths: [
      ['clients?limit=50&sort=-queuedMessages', 10],
      ['search?q=away-99', 5],
    ],
  },
  client: {
    paths: [
      ['client?clientId=subscriber-1', 2],
      ['client/events?clientId=subscriber-1', 2],
      ['subscriptions?clientId=subscriber-1', 10],
    ],
  },
  topics: { paths: [['topics?limit=200', 5]] },
  topic: {
    paths: [
      ['topic?topic=load/1', 5],
      ['retained?filter=load/1', 5],
    ],
  },
  messages: { stream: `messages=${encodeURIComponent(EVERYTHING)}`, paths: [] },
  groups: { paths: [['groups', 10]] },
  log: { stream: 'log=info', paths: [['log/level', 60]] },
  refused: { paths: [['refused', 10]] },
  configuration: { paths: [['config', 60]] },
  listeners: { paths: [['listeners', 10]] },
}

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    sessions: { type: 'string', default: '0' },
    rate: { type: 'string', default: '50000' },
    pairs: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '6' },
    cpus: { type: 'string', default: '0,1' },
    screens: { type: 'string', default: Object.keys(SCREENS).join(',') },
  },
})
const [brokerCpu = '0', generatorCpu = '1'] = values.cpus.split(',')
const pairs = 50

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

function started(directory: string): Promise<StartedBroker> {
  const limits = {
    connectionsPerAddressMax: 20_000,
    strangersPerAddressMax: 0,
    connectionsPerSecondMax: 0,
    connectsPerSecondMax: 0,
    sessionsMax: 1_000_000,
    sessionsPerUserMax: 1_000_000,
  }
  return startBroker(directory, { limits }, ['taskset', '-c', brokerCpu, process.execPath])
}

function publishPacket(topic: string): Buffer {
  const name = Buffer.from(topic)
  const bytes = 2 + name.length + PAYLOAD.length
  return Buffer.concat([Buffer.from([0x30, bytes, 0, name.length]), name, PAYLOAD])
}

/** A connected client; it counts the bytes that come. */
class Client {
  readonly socket: Socket
  bytes = 0

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => (this.bytes += chunk.length))
    socket.on('error', error => {
      throw error
    })
  }

  static async opens(port: number, clientId: string): Promise<Client> {
    const socket = connect(port, '127.0.0.1')
    const client = new Client(socket)
    socket.write(connectPacket(clientId, true, false))
    const connack = await new Promise<Buffer>(resolve => socket.once('data', resolve))
    if (connack[3] !== 0) throw new Error(`${clientId} was refused: ${connack.toString('hex')}`)
    return client
  }
}

class Load {
  readonly #rate: number
  readonly publishers: Client[] = []
  readonly subscribers: Client[] = []
  readonly #batches: Buffer[] = []
  #sent = 0
  #startedAt = 0

  constructor(rate: number) {
    this.#rate = rate
  }

  async opens(port: number, clients: number): Promise<void> {
    for (let index = 0; index < pairs; index++) {
      const subscriber = await Client.opens(port, `subscriber-${index}`)
      subscriber.socket.write(subscribePacket(1, [`load/${index}`], 0, false))
      this.subscribers.push(subscriber)
      this.publishers.push(await Client.opens(port, `publisher-${index}`))
      this.#batches.push(publishPacket(`load/${index}`))
    }
    for (let index = 2 * pairs; index < clients; index += CONNECTS_AT_ONCE) {
      const many = Math.min(CONNECTS_AT_ONCE, clients - index)
      await Promise.all(
        Array.from({ length: many }, (_, offset) => Client.opens(port, `idle-${index + offset}`)),
      )
    }
  }

  begins(): void {
    this.#startedAt = performance.now()
    setInterval(() => this.#step(), STEP_MS)
  }

  #step(): void {
    const due = Math.floor(((performance.now() - this.#startedAt) * this.#rate) / 1_000)
    const each = Math.floor((due - this.#sent) / pairs)
    if (each <= 0) return
    for (const [index, { socket }] of this.publishers.entries()) {
      const packet = this.#batches[index] ?? PAYLOAD
      socket.write(Buffer.concat(Array.from({ length: each }, () => packet)))
    }
    this.#sent += each * pairs
  }

  get received(): number {
    return this.subscribers.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

const BUSY_MS = 200
const PROBE_MS = 2
const PROBE_TOPIC = 'probe'

/** A message each few milliseconds, and how long it takes. */
class Probe {
  readonly #milliseconds: number[] = []

  static async opens(port: number): Promise<Probe> {
    const probe = new Probe()
    const receiver = await Client.opens(port, 'probe-receiver')
    receiver.socket.write(subscribePacket(1, [PROBE_TOPIC], 0, false))
    // SUBACK
    await new Promise(resolve => receiver.socket.once('data', resolve))
    const sender = await Client.opens(port, 'probe-sender')
    const packet = publishPacket(PROBE_TOPIC)
    let [isOut, sentAt] = [false, 0]
    receiver.socket.on('data', () => {
      if (!isOut) return
      probe.#milliseconds.push(performance.now() - sentAt)
      isOut = false
    })
    setInterval(() => {
      if (isOut) return
      isOut = true
      sentAt = performance.now()
      sender.socket.write(packet)
    }, PROBE_MS)
    return probe
  }

  /** Returns the 99th percentile since the last call, in milliseconds. */
  p99(): number {
    const sorted = this.#milliseconds.splice(0).toSorted((one, other) => one - other)
    return sorted[Math.floor(sorted.length * 0.99)] ?? 0
  }
}

/** A session that stays when its client has gone. A broker that is busy is asked again. */
async function leaveSession(port: number, clientId: string): Promise<void> {
  for (let isThere = false; !isThere;) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(connectPacket(clientId, false, false))
    const connack = await new Promise<Buffer>(resolve => socket.once('data', resolve))
    isThere = connack[3] === 0
    socket.end(DISCONNECT_BYTES)
    await new Promise(resolve => socket.once('close', resolve))
    if (!isThere) await sleep(BUSY_MS)
  }
}

async function leaveSessions(port: number, count: number): Promise<void> {
  for (let index = 0; index < count; index += CONNECTS_AT_ONCE) {
    const many = Math.min(CONNECTS_AT_ONCE, count - index)
    await Promise.all(
      Array.from({ length: many }, (_, offset) => leaveSession(port, `away-${index + offset}`)),
    )
  }
}

/** A page that is open on one screen. */
class Viewer {
  readonly #webPort: number
  readonly #key: string
  readonly #screen: Screen
  #stream: ClientRequest | null = null
  #timers: NodeJS.Timeout[] = []
  static answers = 0
  static frames = 0
  static failures = new Map<string, number>()

  constructor(webPort: number, key: string, screen: Screen) {
    this.#webPort = webPort
    this.#key = key
    this.#screen = screen
  }

  open(): void {
    const { stream, paths } = this.#screen
    this.#stream = this.#asks(
      `stream?metrics=1&status=1${stream === undefined ? '' : `&${stream}`}`,
    )
    for (const [path, seconds] of paths) {
      this.#asks(path)
      this.#timers.push(setInterval(() => this.#asks(path), seconds * 1_000))
    }
  }

  close(): void {
    this.#stream?.destroy()
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
  }

  #asks(path: string): ClientRequest {
    const asked = request(
      {
        port: this.#webPort,
        host: '127.0.0.1',
        path: `/api/v1/${path}`,
        headers: { authorization: `Bearer ${this.#key}` },
      },
      answer => {
        if (answer.statusCode === 200) Viewer.answers++
        else this.#failed(path, String(answer.statusCode))
        answer.on('data', (chunk: Buffer) => {
          if (path.startsWith('stream'))
            Viewer.frames += chunk.toString().split('event:').length - 1
        })
        answer.on('error', () => {})
      },
    )
    asked.on('error', error => {
      if (error.message !== 'socket hang up') this.#failed(path, error.message)
    })
    asked.end()
    return asked
  }

  #failed(path: string, cause: string): void {
    const words = `${path}: ${cause}`
    Viewer.failures.set(words, (Viewer.failures.get(words) ?? 0) + 1)
  }
}

/** A key for each screen: a sign-in has at most four streams. */
async function keyOf({ configFile }: StartedBroker, name: string): Promise<string> {
  const child = spawn(
    process.execPath,
    [CLI, 'key', 'add', name, '--role', 'operator', '-c', configFile],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await new Promise(resolve => child.once('close', resolve))
  const key = /phk_[\w-]+/.exec(text)?.[0]
  if (key === undefined) throw new Error(`no key: ${text}`)
  return key
}

function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

const directory = mkdtempSync(join(tmpdir(), 'watched-'))
const broker = await started(directory)
try {
  spawn('taskset', ['-cp', generatorCpu, String(process.pid)], { stdio: 'ignore' })
  const load = new Load(Number(values.rate))
  await load.opens(broker.port, Number(values.clients))
  const viewers: Viewer[] = []
  for (const name of values.screens.split(',')) {
    const screen = SCREENS[name]
    if (screen === undefined)
      throw new Error(`no screen ${name}: ${Object.keys(SCREENS).join(', ')}`)
    viewers.push(new Viewer(broker.webPort, await keyOf(broker, name), screen))
  }
  await leaveSessions(broker.port, Number(values.sessions))
  // What the sessions cost is over before anything is measured.
  await sleep(2_000)
  const probe = await Probe.opens(broker.port)
  load.begins()
  await sleep(5_000)
  const tree = processTree(broker.child.pid ?? 0)
  const seconds = Number(values.seconds)
  const rises: number[] = []
  const points: number[] = []
  const packetBytes = publishPacket('load/1').length
  for (let pair = 0; pair < Number(values.pairs); pair++) {
    const figures: { watched: boolean; cpu: number; perSecond: number; p99: number }[] = []
    // The order changes, so that a slow change of the machine falls on both.
    for (const watched of pair % 2 === 0 ? [false, true] : [true, false]) {
      if (watched) for (const viewer of viewers) viewer.open()
      await sleep(500)
      probe.p99()
      const [cpuBefore, bytesBefore, at] = [cpuSeconds(tree), load.received, performance.now()]
      await sleep(seconds * 1_000)
      const passed = (performance.now() - at) / 1_000
      const cpu = ((cpuSeconds(tree) - cpuBefore) / passed) * 100
      const perSecond = (load.received - bytesBefore) / packetBytes / passed
      const p99 = probe.p99()
      for (const viewer of viewers) viewer.close()
      await sleep(300)
      figures.push({ watched, cpu, perSecond, p99 })
    }
    const off = figures.find(({ watched }) => !watched)
    const on = figures.find(({ watched }) => watched)
    if (off === undefined || on === undefined) continue
    points.push(on.cpu - off.cpu)
    rises.push((on.cpu / off.cpu - 1) * 100)
    const [each, other] = [off, on].map(
      ({ cpu, perSecond, p99 }) =>
        `${cpu.toFixed(1)} % at ${Math.round(perSecond)}/s, p99 ${p99.toFixed(1)} ms`,
    )
    console.log(`alone ${each}, watched ${other}`)
  }
  console.log(
    `${viewers.length} screens, ${values.clients} clients: the processor's time rises by ${median(rises).toFixed(1)} % ` +
      `(${median(points).toFixed(1)} points of a processor), medians of ${rises.length} pairs; ` +
      `${Viewer.answers} answers, ${Viewer.frames} frames`,
  )
  for (const [words, count] of Viewer.failures) console.log(`failed ${count} times: ${words}`)
} finally {
  broker.child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
