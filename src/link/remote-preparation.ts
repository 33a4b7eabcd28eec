// The steps before MQTT, done by front ends: the core hands each socket to one of them, and gets a wire.

import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { plainAddress } from '../access/addresses.ts'
import type { Log } from '../observe/log.ts'
import { HandshakeDeadline } from '../transport/handshake-deadline.ts'
import type { ListenerOptions } from '../transport/listener-options.ts'
import {
  type Arrived,
  bytesBeforeMqtt,
  msLeftBeforeMqtt,
  Preparation,
  type PreparationEvents,
  type Preparing,
  type Waited,
} from '../transport/preparation.ts'
import { type LoadedFiles, loadTlsFiles, type Resumption } from '../transport/tls-files.ts'
import { ignored, type Peer, type Wire } from '../transport/wire.ts'
import type { CoreLink } from './core-link.ts'
import { LinkedStream } from './linked-stream.ts'
import { LinkFault } from './frame-reader.ts'
import type { LinkedWire } from './linked-wire.ts'
import { frontOptionsOf, type Order, writtenFiles } from './orders.ts'
import type { Proved } from './said.ts'

/** A front end, as the core reaches it. */
export interface FrontEndPort {
  readonly link: CoreLink
  /** Gives an order. A socket goes with it, and is no more this process's. */
  order(order: Order, socket?: Socket): void
}

export type Chosen = (port: FrontEndPort) => void

export interface FrontEndPool {
  /** Calls back with the front end that has the fewest connections: at once, or when there is one. */
  choose(chosen: Chosen): void
  /** It is not called back any more. */
  forget(chosen: Chosen): void
  readonly all: readonly FrontEndPort[]
}

// Wide on purpose: it knows its listener, the front ends, and which of them knows what of the other.
export class RemotePreparation implements Preparing {
  readonly #options: ListenerOptions
  readonly #events: PreparationEvents
  readonly #pool: FrontEndPool
  /** The listener's number in orders. */
  readonly #listener: number
  /** For connections of plain HTTP. */
  readonly #local: Preparation
  #name: () => string = () => ''
  #files: LoadedFiles | null = null
  readonly #resumption: Resumption
  /** Grows when certificates were read anew. */
  #generation = 1
  /** Which of these each front end has. */
  readonly #known = new WeakMap<FrontEndPort, number>()
  readonly #wires = new WeakMap<Socket, LinkedWire>()
  /** Accepted connections that are still before MQTT. */
  readonly #sockets = new Set<Socket>()

  constructor(
    options: ListenerOptions,
    log: Log,
    { events, pool, listener }: { events: PreparationEvents; pool: FrontEndPool; listener: number },
  ) {
    this.#options = options
    this.#events = events
    this.#pool = pool
    this.#listener = listener
    this.#local = new Preparation(options, log, events)
    const sessionIdContext = createHash('sha256').update(`listener ${listener}`).digest('hex')
    this.#resumption = {
      ticketKeys: randomBytes(48),
      sessionIdContext: sessionIdContext.slice(0, 32),
    }
  }

  get bytes(): number {
    return bytesBeforeMqtt(this.#options)
  }

  async start(listenerName: () => string): Promise<void> {
    this.#name = listenerName
    const { tls } = this.#options
    if (tls === undefined) return
    this.#files = await loadTlsFiles(tls)
    // It warns of weak keys, and knows what is revoked.
    this.#local.secureWith(this.#files, listenerName)
  }

  async reload(): Promise<void> {
    const { tls } = this.#options
    if (tls === undefined) return
    this.#files = await loadTlsFiles(tls)
    this.#local.secureWith(this.#files, this.#name)
    this.#generation += 1
    for (const port of this.#pool.all) if (this.#known.has(port)) this.#introduce(port)
  }

  hasRevoked(peer: Peer): boolean {
    return this.#local.hasRevoked(peer)
  }

  hasSpoken(socket: Socket): boolean {
    return this.#wires.get(socket)?.hasSpoken ?? socket.bytesRead > 0
  }

  close(): void {
    this.#local.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  prepare(socket: Socket, { peer, waitedMs }: Waited, arrived: Arrived): void {
    if (socket.listenerCount('error') === 0) socket.on('error', ignored)
    const since = performance.now() - waitedMs
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    let isChosen = false
    let deadline: HandshakeDeadline | null = null
    const chosen: Chosen = port => {
      isChosen = true
      deadline?.clear()
      if (socket.destroyed) return
      this.#handOver(port, socket, { peer, waitedMs: performance.now() - since }, arrived)
    }
    this.#pool.choose(chosen)
    if (isChosen) return
    const leftMs = msLeftBeforeMqtt(this.#options, waitedMs)
    deadline = new HandshakeDeadline(leftMs, () =>
      this.#events.refuse(socket, peer, 'no front end was ready in time'),
    )
    socket.once('close', () => {
      deadline?.clear()
      this.#pool.forget(chosen)
    })
  }

  #handOver(port: FrontEndPort, socket: Socket, waited: Waited, arrived: Arrived): void {
    if (this.#known.get(port) !== this.#generation) this.#introduce(port)
    let { peer } = waited
    /** Where there is a PROXY header: whether it has named the client, and whether that may go on. */
    let isNamed = false
    let mayGoOn = this.#options.proxyProtocol !== true
    const wire = port.link.hand({
      peer,
      messageBytesMax: this.#options.protocol === 'ws' ? (this.#options.frameBytesMax ?? 0) : 0,
      named: source => {
        if (mayGoOn || isNamed)
          throw new LinkFault('it names a client where no PROXY header can have named one')
        isNamed = true
        peer = { ...peer, ...source }
        this.#events.named(socket, peer, () => (mayGoOn = true))
        return mayGoOn
      },
      refused: cause => this.#events.refuse(socket, peer, cause),
      opened: (_wire, proved) => {
        if (!mayGoOn) throw new LinkFault('it opens a connection that no PROXY header has named')
        this.#check(proved)
        wire.peer = { ...peer, ...this.#provedBy(proved) }
        this.#opened(wire, { socket, proved }, arrived)
      },
      ended: () => socket.destroy(),
    })
    this.#wires.set(socket, wire)
    // The socket itself is the front end's. This one stays for the listener's accounts.
    socket.once('close', () => wire.destroy())
    const { address, port: clientPort } = peer
    const { waitedMs } = waited
    const order = { kind: 'socket', connection: wire.number, listener: this.#listener } as const
    port.order({ ...order, address, port: clientPort, waitedMs }, socket)
  }

  /** What it says of a client can only be so where the listener asks for it. */
  #check({ protocol, certificate }: Proved): void {
    const { tls, protocol: own } = this.#options
    const asks = tls?.requestCertificate === true || tls?.requireCertificate === true
    if (protocol === 'http' && own !== 'ws') throw new LinkFault('it brings HTTP to a port of MQTT')
    if (certificate !== null && !asks)
      throw new LinkFault('it has a certificate where none is asked for')
  }

  #introduce(port: FrontEndPort): void {
    this.#known.set(port, this.#generation)
    const files = this.#files
    port.order({
      kind: 'listener',
      listener: this.#listener,
      name: this.#name(),
      options: frontOptionsOf(this.#options),
      generation: this.#generation,
      files: files === null ? null : writtenFiles({ ...files, resumption: this.#resumption }),
    })
  }

  #provedBy({ certificate, psk }: Proved): Pick<Peer, 'certificate' | 'psk'> {
    if (psk === null) return { certificate }
    return { certificate: null, psk: this.#files?.psk?.keys.get(psk) ?? null }
  }

  #opened(
    wire: Wire,
    { socket, proved }: { readonly socket: Socket; readonly proved: Proved },
    arrived: Arrived,
  ): void {
    // The file was read anew during the handshake: which key it had then is not known here.
    const isOld = proved.generation !== this.#generation || wire.peer.psk === null
    const isUnknown = proved.psk !== null && isOld
    if (isUnknown || this.hasRevoked(wire.peer)) {
      this.#events.refuse(socket, wire.peer, 'its certificate or key was revoked meanwhile')
      return
    }
    const { spentMs, protocol } = proved
    if (protocol === 'mqtt') {
      this.#sockets.delete(socket)
      arrived(wire, spentMs, protocol)
      return
    }
    const signedIn = (): void => this.#events.signedIn(socket)
    const isSecured = this.#options.tls !== undefined
    const address = plainAddress(socket.remoteAddress ?? '')
    const stream = new LinkedStream(wire, { address, isSecured })
    this.#local.serveHttp(stream, { peer: wire.peer, waitedMs: spentMs, signedIn }, (...way) => {
      this.#sockets.delete(socket)
      arrived(...way)
    })
  }
}
