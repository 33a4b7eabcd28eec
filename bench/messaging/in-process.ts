// A broker in this process, without sockets and clocks, of this build or another one. So two builds take turns within milliseconds.

import { join } from 'node:path'
import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES, type Packet, type UserProperty } from '../../src/packet/packet.ts'
import type { Core } from '../../src/server/core.ts'
import type { Wire, WireReceiver } from '../../src/transport/wire.ts'

const OWN_BUILD = join(import.meta.dirname, '../..')
const MANY = 1_000_000
const BEGINNING = 1_700_000_000_000
const QUEUES = {
  create: 'subscribers',
  created: { messagesMax: 1_000_000, bytesMax: 2 ** 31 },
} as const
/** PUBLISH at QoS 1 to a client of MQTT 3.1.1. */
const QOS1 = 0x32

/** The client's end of a connection. Its packets are shorter than 128 bytes. */
export class Client implements Wire {
  readonly peer = {
    address: '192.0.2.1',
    port: 1,
    transport: 'tcp',
    listener: 'bench',
    certificate: null,
  } as const
  readonly pendingBytes = 0
  readonly untakenBytes = 0
  readonly isFlowing = true
  readonly copies = true
  received = 0
  readonly #broker: InProcess
  /** The bytes of PUBACK packets. */
  #unanswered: number[] = []
  #receiver: WireReceiver | null = null

  constructor(broker: InProcess) {
    this.#broker = broker
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
  }

  write(bytes: Uint8Array): boolean {
    this.received += bytes.length
    for (let at = 0; at < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
      if (bytes[at] !== QOS1) continue
      const idAt = at + 4 + ((bytes[at + 2] ?? 0) << 8) + (bytes[at + 3] ?? 0)
      this.#unanswered.push(0x40, 2, bytes[idAt] ?? 0, bytes[idAt + 1] ?? 0)
    }
    return true
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    for (const piece of pieces) this.write(piece)
    return true
  }

  says(packet: Packet, version: 4 | 5 = 4): void {
    this.saysBytes(encode(packet, version))
  }

  saysBytes(bytes: Buffer): void {
    this.#receiver?.received(bytes)
    this.#broker.settles()
  }

  /** Acknowledges what has come since the last time. */
  acknowledges(): void {
    if (this.#unanswered.length === 0) return
    const bytes = Buffer.from(this.#unanswered)
    this.#unanswered = []
    this.#receiver?.received(bytes)
  }

  subscribes(filter: string, qos: 0 | 1, userProperties: readonly UserProperty[] = []): void {
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    const subscriptions = [{ filter, qos, ...options }]
    const properties = userProperties.length === 0 ? NO_PROPERTIES : { userProperties }
    const version = userProperties.length === 0 ? 4 : 5
    this.says({ type: 'subscribe', packetId: 1, subscriptions, properties }, version)
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
  reset(): void {}
}

export class InProcess {
  readonly core: Core
  now = BEGINNING
  #ends: (() => void)[] = []
  #clients = 0

  /** `build`: the directory `dist` of a build. With a store it keeps sessions, in memory. */
  static async from(build: string = OWN_BUILD, storesSessions = false): Promise<InProcess> {
    const module = (name: string) => import(join(build, 'src', name))
    const { Core: CoreOfBuild } = await module('server/core.js')
    const { DEFAULT_LIMITS } = await module('limits.js')
    const { NoStore } = await module('store/no-store.js')
    const { openAccess } = await module('access/open-access.js')
    const { MemoryStore } = await module('store/memory-store.js')
    const store = storesSessions ? new MemoryStore() : new NoStore()
    const kept = { keptHeapBytesMax: 2 ** 31, keptBufferBytesMax: 2 ** 31 }
    const clients = {
      connectsPerSecondMax: 0,
      connectionsPerUserMax: MANY,
      sessionsPerUserMax: MANY,
    }
    const limits = { ...DEFAULT_LIMITS, ...kept, ...clients, subscriptionsPerUserMax: MANY }
    return new InProcess(CoreOfBuild, {
      limits: {
        ...limits,
        expressionsMax: MANY,
        delayedMessagesMax: MANY,
        delayedBytesMax: 2 ** 31,
      },
      store,
      access: openAccess,
      snapshot: await store.open(),
      storesSessions,
    })
  }

  private constructor(
    CoreOfBuild: typeof Core,
    parts: Pick<
      ConstructorParameters<typeof Core>[0],
      'limits' | 'store' | 'access' | 'storesSessions'
    > & {
      readonly snapshot: Parameters<Core['restore']>[0]
    },
  ) {
    const { snapshot, ...options } = parts
    this.core = new CoreOfBuild({
      ...options,
      share: {
        bounds: { queuedMessagesMax: MANY, queuedBytesMax: 2 ** 31, queueOverflow: 'drop-newest' },
        strategyOf: () => null,
        weightOf: () => null,
        defaultStrategy: 'round-robin',
        random: Math.random,
      },
      queues: { ...QUEUES, named: new Map(), random: Math.random },
      observers: [],
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      responseInformation: null,
      newClientId: () => `assigned-${++this.#clients}`,
      now: () => this.now,
      schedule: end => this.#ends.push(end),
      wakeAt: () => {},
      settlementsWaitMs: 0,
      commitFailed: error => {
        throw error
      },
    })
    this.core.restore(snapshot)
    this.settles()
  }

  /** A client that is connected. */
  client(version: 4 | 5 = 4, cleanStart = true): Client {
    const client = new Client(this)
    this.core.accept(client)
    const clientId = `client-${++this.#clients}`
    const terms = { cleanStart, keepAliveSeconds: 0, will: null, properties: NO_PROPERTIES }
    const packet = { type: 'connect', version, clientId, username: null, password: null } as const
    client.says({ ...packet, ...terms }, version)
    return client
  }

  /** Ends the turns that have begun. */
  settles(): void {
    while (this.#ends.length > 0) {
      const ends = this.#ends
      this.#ends = []
      for (const end of ends) end()
    }
  }

  /** One turn, as at a deadline. */
  turns(): void {
    this.core.turn.begin()
    this.settles()
  }
}

/** Returns PUBLISH of MQTT 3.1.1. */
export function publishBytes(
  topic: string,
  qos: 0 | 1,
  packetId: number = qos,
  text = 'xxxxxxxxxxxxxxxx',
): Buffer {
  const payload = Buffer.from(text)
  const rest = { duplicate: false, retain: false, properties: NO_PROPERTIES, payload }
  return encode({ type: 'publish', topic, qos, packetId, ...rest }, 4)
}

/** The processor time of this thread's process, in microseconds. What others do meanwhile does not count. */
export function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
