// The end of a link in the core's process: it numbers the connections of one front end, and has their wires.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { LARGE_BYTES_MIN } from '../packet/sizes.ts'
import { thrownSentence } from '../thrown.ts'
import { type Reader, readIntoSharedMemory } from '../transport/shared-read-memory.ts'
import { ignored, type Peer, type Wire } from '../transport/wire.ts'
import { FrameReader, LinkFault } from './frame-reader.ts'
import {
  BODY_BYTES_MAX,
  BYTES,
  CLOSED,
  DESTROY,
  FIGURES,
  FLOWS,
  GO_ON,
  HEARD,
  KEPT,
  LINE,
  NAMED,
  OPENED,
  REFUSED,
  SHARED,
  SLOW,
  SPOKE,
  TAKEN,
  TO_CORE,
  TURN,
  TURN_TO_ANSWER,
  WRITE,
  WRITE_PART,
  WRITE_SHARED,
  WRITE_SHARED_PART,
} from './frames.ts'
import { LinkWriter } from './link-writer.ts'
import { LinkedWire, WINDOW_BYTES, type WireLink } from './linked-wire.ts'
import {
  type FrontEndFigures,
  figuresIn,
  type Line,
  lineIn,
  openedIn,
  type Proved,
  refusalIn,
  sourceIn,
} from './said.ts'

/** What a link may have pending before bytes stay where they are. */
const PENDING_BYTES_MAX = 4_194_304

/** What a front end may have for clients that take no more, before it gets less for each. */
const KEPT_BYTES_MAX = 67_108_864
/** What may be on its way to one client when many do not read. */
const SMALL_WINDOW_BYTES = 4_096

const CLOSED_AT_ONCE_MAX = 100

/** For one read of any link: as much as the system keeps of one. */
const linkMemory = Buffer.allocUnsafeSlow(262_144)

/** In place of the number of what is shared: its bytes were written to one connection, and have no number. */
const WRITTEN_ONCE = -1

/** What the listener knows of a connection that a front end has. */
interface HandedOver {
  readonly peer: Peer
  /** The largest message that the client may send as a whole: over WebSocket. */
  readonly messageBytesMax: number
  /** A PROXY header has named the client. Returns whether it may go on. */
  named(source: { readonly address: string; readonly port: number }): boolean
  refused(cause: string): void
  /** The wire is ready for MQTT, or for HTTP. */
  opened(wire: Wire, proved: Proved): void
  /** The connection is no more. It is the last that is heard of it. */
  ended(): void
}

interface CoreLinkEvents {
  line(line: Line): void
  figures(figures: FrontEndFigures): void
  /** The front end breaks its rules, or, if the sentence is null, the link is no more. It is called once. */
  failed(sentence: string | null): void
}

interface Entry {
  readonly wire: LinkedWire
  readonly handed: HandedOver
  isOpened: boolean
}

// Wide on purpose: a method for each thing that wires, the front end and its process do to the link.
export class CoreLink implements WireLink, Reader {
  turn = 1
  takenTurn = 0
  readonly #socket: Duplex
  readonly #events: CoreLinkEvents
  readonly #writer: LinkWriter
  readonly #reader: FrameReader
  readonly #entries = new Map<number, Entry>()
  /** Wires that have something waiting, or wait to be told that all is taken. */
  readonly #blocked = new Set<LinkedWire>()
  /** Whether one of them may have something to do. */
  #mayProceed = false
  #lastNumber = 0
  /** What the front end has for clients that take no more. */
  #keptBytes = 0
  /** What waits in the core behind pauses of clients. */
  #heldBytes = 0
  /** Whether something was written in this turn. */
  #isWritten = false
  /** Whether an answer to it is waited for. */
  #isAsked = false
  /** The large pieces that were written in this turn, each with the number of its first part if it is shared. */
  readonly #shared = new Map<Uint8Array, number>()
  #sharedCount = 0
  #hasFailed = false
  bytesReceived = 0
  /** How often wires had to wait because the link was full. */
  pauses = 0
  #isPaused = false

  constructor(socket: Duplex, events: CoreLinkEvents) {
    this.#socket = socket
    this.#events = events
    this.#writer = new LinkWriter(socket, {
      // At the end of a turn, all sockets were written to within one callback.
      schedule: flush => process.nextTick(flush),
      flushing: () => this.#endTurn(),
      drained: () => this.#drained(),
    })
    this.#reader = new FrameReader(TO_CORE, (kind, connection, body) => {
      this.#take(kind, connection, body)
      return false
    })
    socket.on('data', chunk => this.received(chunk as Buffer))
    if (socket instanceof Socket) readIntoSharedMemory(socket, this, linkMemory)
    socket.on('error', ignored)
    socket.on('close', () => this.failed(null))
    socket.resume()
  }

  /** How many connections the front end has. */
  get connections(): number {
    return this.#entries.size
  }

  get bytesSent(): number {
    return this.#writer.writtenBytes
  }

  get isFull(): boolean {
    return this.#writer.pendingBytes > PENDING_BYTES_MAX
  }

  get windowBytes(): number {
    return this.#keptBytes > KEPT_BYTES_MAX ? SMALL_WINDOW_BYTES : WINDOW_BYTES
  }

  holds(bytes: number): number {
    this.#heldBytes += bytes
    return this.#heldBytes
  }

  keeps(bytes: number): void {
    this.#keptBytes += bytes
  }

  /** Returns the wire of a connection that the front end is given. */
  hand(handed: HandedOver): LinkedWire {
    this.#lastNumber += 1
    const { peer, messageBytesMax } = handed
    const wire = new LinkedWire(this, { number: this.#lastNumber, peer, messageBytesMax })
    this.#entries.set(wire.number, { wire, handed, isOpened: false })
    return wire
  }

  /** Asks the front end what it has taken: an answer has at least the present turn. */
  ask(): void {
    this.#isWritten = true
    this.#isAsked = true
    this.#writer.schedule()
  }

  received(chunk: Parameters<FrameReader['push']>[0]): void {
    if (this.#hasFailed) return
    this.bytesReceived += chunk.length
    try {
      this.#reader.push(chunk)
    } catch (error) {
      if (!(error instanceof LinkFault)) throw error
      this.failed(thrownSentence(error))
    }
    if (this.#mayProceed) this.#unblock()
  }

  /** Closes the link, and the connections: some at a time, so that others need not wait. */
  failed(sentence: string | null): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#socket.destroy()
    this.#closeSome()
    this.#events.failed(sentence)
  }

  #closeSome(): void {
    let left = CLOSED_AT_ONCE_MAX
    for (const { wire } of this.#entries.values()) {
      if (left === 0) {
        setImmediate(() => this.#closeSome())
        return
      }
      left -= 1
      wire.closed('its front end has ended')
    }
  }

  write(connection: number, pieces: readonly Uint8Array[], bytes: number): void {
    this.#isWritten = true
    const writer = this.#writer
    if (bytes <= BODY_BYTES_MAX && !this.#isSharing(pieces)) {
      writer.joined(WRITE, connection, pieces, bytes)
      return
    }
    let left = pieces.length
    for (const piece of pieces) {
      left -= 1
      if (piece.length >= LARGE_BYTES_MIN) this.#share(connection, piece, left === 0)
      else writer.frame(left === 0 ? WRITE : WRITE_PART, connection, piece)
    }
  }

  /** Whether one of them is the payload of packets that were written to others in this turn. */
  #isSharing(pieces: readonly Uint8Array[]): boolean {
    let isSharing = false
    for (const piece of pieces) {
      if (piece.length < LARGE_BYTES_MIN) continue
      if (this.#shared.has(piece)) isSharing = true
      else this.#shared.set(piece, WRITTEN_ONCE)
    }
    return isSharing
  }

  /** A large piece may be the payload of many packets: from the second on its bytes are put in once for all. */
  #share(connection: number, piece: Uint8Array, isLast: boolean): void {
    const writer = this.#writer
    let first = this.#shared.get(piece) ?? WRITTEN_ONCE
    const count = Math.ceil(piece.length / BODY_BYTES_MAX)
    if (first === WRITTEN_ONCE) {
      first = this.#sharedCount
      this.#sharedCount += count
      this.#shared.set(piece, first)
      writer.bytes(SHARED, SHARED, 0, piece)
    }
    for (let part = 0; part < count; part++) {
      const kind = isLast && part === count - 1 ? WRITE_SHARED : WRITE_SHARED_PART
      writer.number(kind, connection, first + part)
    }
  }

  signal(kind: number, connection: number): void {
    if (!this.#hasFailed) this.#writer.signal(kind, connection)
  }

  block(wire: LinkedWire): void {
    if (!this.#isPaused && this.isFull) {
      this.#isPaused = true
      this.pauses += 1
    }
    this.#blocked.add(wire)
  }

  ended(wire: LinkedWire): void {
    this.#blocked.delete(wire)
    const entry = this.#entries.get(wire.number)
    this.#entries.delete(wire.number)
    entry?.handed.ended()
  }

  #endTurn(): void {
    if (!this.#isWritten) return
    this.#isWritten = false
    this.#writer.signal(this.#isAsked ? TURN_TO_ANSWER : TURN, this.turn)
    this.#isAsked = false
    this.turn += 1
    if (this.#shared.size > 0) this.#shared.clear()
    this.#sharedCount = 0
  }

  #drained(): void {
    this.#isPaused = false
    this.#unblock()
  }

  #unblock(): void {
    this.#mayProceed = false
    for (const wire of this.#blocked) {
      if (wire.proceed()) this.#blocked.delete(wire)
    }
  }

  #take(kind: number, connection: number, body: Buffer): void {
    if (kind === TAKEN) this.#taken(connection)
    else if (kind === LINE) this.#events.line(lineIn(body))
    else if (kind === FIGURES) this.#events.figures(figuresIn(body))
    else {
      const entry = this.#entries.get(connection)
      if (entry !== undefined) this.#tell(entry, kind, body)
      else if (connection === 0 || connection > this.#lastNumber)
        throw new LinkFault(`it speaks of connection ${connection}, which it was not given`)
      // It was closed before its socket had come to the front end, which did not know then what to close.
      else if (kind === OPENED || kind === NAMED) this.signal(DESTROY, connection)
    }
  }

  #taken(turn: number): void {
    if (turn < this.takenTurn || turn >= this.turn)
      throw new LinkFault(`it has taken turn ${turn} of ${this.turn - 1}`)
    this.takenTurn = turn
    this.#mayProceed = true
  }

  #tell(entry: Entry, kind: number, body: Buffer): void {
    const { wire, handed } = entry
    if (!entry.isOpened) {
      this.#tellEarly(entry, kind, body)
      return
    }
    switch (kind) {
      case BYTES:
        wire.received(body)
        return
      case HEARD:
        wire.heard()
        return
      case KEPT:
        wire.kept(numberIn(body, 'how much of a message is kept'))
        return
      case SLOW:
        wire.slowed(numberIn(body, 'how slow a client is'))
        return
      case FLOWS:
        wire.flows()
        this.#mayProceed = true
        return
      case CLOSED:
        wire.closed(body.toString())
        return
      case REFUSED:
        // An HTTP client that is refused later.
        handed.refused(refusalIn(body))
        return
      default:
        throw new LinkFault(`a frame of kind ${kind} for a connection that is open`)
    }
  }

  #tellEarly(entry: Entry, kind: number, body: Buffer): void {
    const { wire, handed } = entry
    switch (kind) {
      case OPENED: {
        const proved = openedIn(body)
        entry.isOpened = true
        if (!wire.isClosed) handed.opened(wire, proved)
        return
      }
      case NAMED:
        if (handed.named(sourceIn(body))) this.signal(GO_ON, wire.number)
        return
      case SPOKE:
        wire.hasSpoken = true
        return
      case REFUSED:
        handed.refused(refusalIn(body))
        return
      case CLOSED:
        wire.closed(body.toString())
        return
      default:
        throw new LinkFault(`a frame of kind ${kind} for a connection that is not open`)
    }
  }
}

function numberIn(body: Buffer, what: string): number {
  if (body.length < 4) throw new LinkFault(`it does not say ${what}`)
  return body.readUInt32LE(0)
}
