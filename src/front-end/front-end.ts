// A front end: it has the sockets of clients, does what comes before MQTT, and carries bytes between them and the core. It knows no
// client, no topic and no right.

import type { Socket } from 'node:net'
import { FrameReader } from '../link/frame-reader.ts'
import {
  DESTROY,
  END,
  FIGURES,
  GO_ON,
  LINE,
  PAUSE,
  RESET,
  RESUME,
  SHARED,
  TAKEN,
  TO_FRONT_END,
  TURN,
  TURN_TO_ANSWER,
  WRITE,
  WRITE_PART,
  WRITE_SHARED,
  WRITE_SHARED_PART,
} from '../link/frames.ts'
import { LinkWriter } from '../link/link-writer.ts'
import { filesIn, type ListenerOrder, type Order, type SocketOrder } from '../link/orders.ts'
import { bytesOf, lineBytesOf, type FrontEndFigures, type Line } from '../link/said.ts'
import type { Log, LogFields } from '../observe/log.ts'
import type { LentBytes } from '../packet/lent-bytes.ts'
import { Preparation } from '../transport/preparation.ts'
import { type Reader, readIntoSharedMemory } from '../transport/shared-read-memory.ts'
import { ignored, type Peer, type TransportName } from '../transport/wire.ts'
import { FrontConnection } from './front-connection.ts'

/** What the link may have pending before clients are not read. */
const PENDING_BYTES_MAX = 1_048_576
/** And before none of them is read, also those that have sent nothing yet. */
const ALL_PENDING_BYTES_MAX = 4_194_304
/** For one read of the link. */
const READ_BYTES = 131_072
/** How often it is told how far slow clients have got. */
const LOOK_MS = 250

interface FrontListener {
  readonly order: ListenerOrder
  readonly preparation: Preparation
  /** The connections whose PROXY header waits for the core's word. */
  readonly waiting: Map<number, () => void>
}

// Wide on purpose: it has both ends of what it carries, the link and all connections, and what waits between them.
export class FrontEnd implements Reader {
  readonly #writer: LinkWriter
  readonly #reader: FrameReader
  readonly #listeners = new Map<number, FrontListener>()
  readonly #connections = new Map<number, FrontConnection>()
  readonly #byWire = new WeakMap<Socket, FrontConnection>()
  /** Pieces of what is written to one connection in one call, but for the last. */
  #parts: Buffer[] = []
  #shared: Buffer[] = []
  #turn = 0
  #isTurnTold = true
  /** The connections that are not read because the link is full. */
  readonly #held = new Set<FrontConnection>()
  #readPauses = 0
  readonly #ticks: NodeJS.Timeout
  /** Whether bytes of the last read of the link are kept. */
  #isMemoryKept = false

  constructor(link: Socket) {
    this.#writer = new LinkWriter(link, {
      // After all sockets that can be read in this iteration of the event loop.
      schedule: setImmediate,
      flushing: () => this.#tellTaken(),
      drained: () => this.#release(),
    })
    this.#reader = new FrameReader(TO_FRONT_END, (kind, connection, body) =>
      this.#take(kind, connection, body),
    )
    link.on('error', ignored)
    link.on('data', (chunk: Buffer) => this.received(chunk))
    readIntoSharedMemory(link, this, Buffer.allocUnsafeSlow(READ_BYTES))
    link.on('close', () => this.close())
    this.#ticks = setInterval(() => this.#look(), LOOK_MS)
  }

  received(chunk: LentBytes): void {
    if (this.#reader.push(chunk)) this.#isMemoryKept = true
  }

  nextMemory(): Buffer | null {
    if (!this.#isMemoryKept) return null
    this.#isMemoryKept = false
    return Buffer.allocUnsafeSlow(READ_BYTES)
  }

  obey(order: Order, socket: Socket | undefined): void {
    if (order.kind === 'listener') this.#listen(order)
    else if (socket !== undefined) this.#serve(order, socket)
  }

  tellFigures(figures: Omit<FrontEndFigures, 'readPauses'>): void {
    this.#writer.frame(FIGURES, 0, bytesOf({ ...figures, readPauses: this.#readPauses }))
  }

  /** Closes all connections. */
  close(): void {
    clearInterval(this.#ticks)
    for (const connection of this.#connections.values()) connection.destroy()
  }

  #listen(order: ListenerOrder): void {
    const known = this.#listeners.get(order.listener)
    const preparation = known?.preparation ?? this.#newPreparation(order)
    if (order.files !== null) preparation.secureWith(filesIn(order.files), () => order.name)
    this.#listeners.set(order.listener, {
      order,
      preparation,
      waiting: known?.waiting ?? new Map(),
    })
  }

  #newPreparation({ options, listener }: ListenerOrder): Preparation {
    const { tls, ...others } = options
    const whole = {
      ...others,
      ...(tls !== undefined && { tls }),
      connectionsMax: 0,
      leavesHttp: true,
    }
    return new Preparation(whole, this.#log, {
      refuse: (socket, _peer, cause) => this.#byWire.get(socket)?.refuse(cause),
      named: (socket, peer, goOn) => this.#named(socket, { peer, listener }, goOn),
      // Requests are the core's.
      signedIn: ignored,
    })
  }

  readonly #log: Log = {
    debug: () => {},
    info: (fields, sentence) => this.#say('info', fields, sentence),
    warn: (fields, sentence) => this.#say('warn', fields, sentence),
    error: (fields, sentence) => this.#say('error', fields, sentence),
  }

  #say(level: Line['level'], fields: LogFields, sentence: string): void {
    this.#writer.frame(LINE, 0, lineBytesOf({ level, fields, sentence }))
  }

  #serve(order: SocketOrder, socket: Socket): void {
    const listener = this.#listeners.get(order.listener)
    if (listener === undefined) {
      socket.destroy()
      return
    }
    const { name, options } = listener.order
    const { address, port, waitedMs } = order
    const peer: Peer = {
      address,
      port,
      transport: transportOf(options),
      listener: name,
      certificate: null,
    }
    const connection = new FrontConnection(order.connection, socket, this)
    this.#connections.set(connection.number, connection)
    this.#byWire.set(socket, connection)
    connection.begins()
    listener.preparation.prepare(socket, { peer, waitedMs }, (wire, spentMs, protocol) => {
      const { generation } = this.#listeners.get(order.listener)?.order ?? listener.order
      connection.opens(wire, { spentMs, protocol, generation })
    })
  }

  #named(
    socket: Socket,
    { peer, listener }: { peer: Peer; listener: number },
    goOn: () => void,
  ): void {
    const connection = this.#byWire.get(socket)
    if (connection === undefined) return
    connection.isNamed(peer)
    this.#listeners.get(listener)?.waiting.set(connection.number, goOn)
  }

  get writer(): LinkWriter {
    return this.#writer
  }

  /** Whether no more is to be read. The connection is told when it is to go on. */
  holdsBack(connection: FrontConnection): boolean {
    const { pendingBytes } = this.#writer
    if (pendingBytes <= PENDING_BYTES_MAX) return false
    if (this.#held.size === 0) this.#readPauses += 1
    this.#held.add(connection)
    if (pendingBytes > ALL_PENDING_BYTES_MAX) {
      for (const each of this.#connections.values()) {
        if (this.#held.has(each)) continue
        this.#held.add(each)
        each.holdBack()
      }
    }
    return true
  }

  ended(connection: FrontConnection): void {
    this.#connections.delete(connection.number)
    this.#held.delete(connection)
    for (const { waiting } of this.#listeners.values()) waiting.delete(connection.number)
  }

  #release(): void {
    const held = [...this.#held]
    this.#held.clear()
    for (const connection of held) connection.goOn()
  }

  #look(): void {
    for (const connection of this.#connections.values()) connection.tellProgress()
  }

  #tellTaken(): void {
    if (this.#isTurnTold) return
    this.#isTurnTold = true
    this.#writer.signal(TAKEN, this.#turn)
  }

  /** Returns whether the body is kept. */
  #take(kind: number, number: number, body: Buffer): boolean {
    switch (kind) {
      case TURN:
      case TURN_TO_ANSWER:
        this.#turn = number
        this.#isTurnTold = false
        if (this.#shared.length > 0) this.#shared = []
        if (kind === TURN_TO_ANSWER) this.#writer.schedule()
        return false
      case WRITE:
        return this.#write(this.#connections.get(number), body)
      case WRITE_SHARED:
        this.#write(this.#connections.get(number), this.#sharedIn(body))
        return false
      case WRITE_PART:
        this.#parts.push(body)
        return true
      case WRITE_SHARED_PART:
        this.#parts.push(this.#sharedIn(body))
        return false
      case SHARED:
        this.#shared.push(body)
        return true
      case GO_ON:
        this.#goOn(number)
        return false
      default:
        this.#tell(kind, this.#connections.get(number))
        return false
    }
  }

  #goOn(number: number): void {
    for (const { waiting } of this.#listeners.values()) {
      const goOn = waiting.get(number)
      waiting.delete(number)
      goOn?.()
    }
  }

  #tell(kind: number, connection: FrontConnection | undefined): void {
    switch (kind) {
      case PAUSE:
        connection?.pause()
        return
      case RESUME:
        connection?.resume()
        return
      case END:
        connection?.end()
        return
      case DESTROY:
        connection?.destroy()
        return
      case RESET:
        connection?.reset()
        return
    }
  }

  #sharedIn(body: Buffer): Buffer {
    const shared = this.#shared[body.readUInt32LE(0)]
    if (shared === undefined) throw new Error('bytes that were not shared')
    return shared
  }

  /** Returns whether these last bytes are kept. */
  #write(connection: FrontConnection | undefined, last: Buffer): boolean {
    if (this.#parts.length === 0) return connection?.write(last) === true
    const pieces = this.#parts
    this.#parts = []
    pieces.push(last)
    connection?.writeMany(pieces)
    return true
  }
}

function transportOf({ protocol, tls, path }: ListenerOrder['options']): TransportName {
  if (protocol === 'ws') return tls === undefined ? 'ws' : 'wss'
  if (tls !== undefined) return 'tls'
  return path === undefined ? 'tcp' : 'unix'
}
