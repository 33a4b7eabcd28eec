// A listener: accepts, limits the number of connections, and hands over wires that are ready for MQTT.

import type { Socket } from 'node:net'
import { plainAddress } from '../access/addresses.ts'
import { type ListenerTerms, NO_TERMS } from '../connection/negotiated-limits.ts'
import { STRANGERS_FULL } from '../connection/stranger-budget.ts'
import type { Log } from '../observe/log.ts'
import { CONNECTION_RATE_EXCEEDED } from '../packet/reason.ts'
import { Binding } from './binding.ts'
import type { ListenerOptions } from './listener-options.ts'
import { Preparation, type PreparationEvents, type Preparing } from './preparation.ts'
import type { Place, StrangerPlaces } from './stranger-places.ts'
import { type Stranger, Strangers } from './strangers.ts'
import { type Acceptance, type Arrival, ignored, type Peer, type TransportName } from './wire.ts'

export interface Listener {
  /** The URL with the actual port: `mqtt://127.0.0.1:1883`. */
  readonly name: string
  readonly port: number
  readonly connectionCount: number
  /** When the oldest stranger was accepted, by `performance.now()`; null for none. */
  readonly strangerSince: number | null
  /** Closes the oldest stranger and returns its socket, whose place is free after its close; null for none. */
  closeStranger(cause: string): Socket | null
  /** Starts listening. Rejects with a sentence about the cause. */
  start(): Promise<void>
  /** Stops accepting. Accepted connections continue until their clients end them. */
  close(): Promise<void>
  /** Reads the certificates again. If a file is wrong it rejects, and the old ones stay in use. */
  reload(): Promise<void>
  /** Whether the certificate or the key of this peer counts no more. */
  hasRevoked(peer: Peer): boolean
}

/** How long a connection over the limit waits for a place that is just becoming free. */
const SECOND_LOOK_MS = 100
const SECOND_LOOKS_MAX = 16
const CONNECT_MS_MAX = 10_000
const PLACE_NEEDED = 'others wait for its place (limits.strangersPerAddressMax)'

export function createListener(options: ListenerOptions, arrival: Arrival, log: Log): Listener {
  return new SocketListener(options, arrival, log)
}

/** What is known of an accepted socket, until it closes. */
interface Accepted {
  /** The address that it is counted for; null if it is not counted. */
  counted: string | null
  isAdmitted: boolean
  refusal: Acceptance['refusal']
}

// Wide on purpose: it leads each connection through the parts of a listener.
class SocketListener implements Listener {
  readonly #options: ListenerOptions
  readonly #arrival: Arrival
  readonly #log: Log
  readonly #binding: Binding
  readonly #preparation: Preparing
  readonly #accepted = new Map<Socket, Accepted>()
  #connections = 0
  /** Places that are becoming free, each for a connection that was accepted before. */
  #promised = 0
  #looking = 0
  readonly #strangers = new Strangers()
  /** One instance for all sockets. */
  readonly #socketClosed: (this: Socket) => void

  constructor(options: ListenerOptions, arrival: Arrival, log: Log) {
    this.#options = options
    this.#arrival = arrival
    this.#log = log
    const events: PreparationEvents = {
      refuse: (socket, peer, cause) => this.#refuse(socket, peer, cause),
      named: (socket, peer, goOn) => {
        if (this.#count(socket, peer)) goOn()
      },
      signedIn: socket => this.#noStranger(socket),
    }
    this.#preparation =
      options.preparing?.(options, log, events) ?? new Preparation(options, log, events)
    this.#binding = new Binding(options, {
      accepted: socket => this.#accept(socket),
      failed: cause => this.#acceptFailed(cause),
    })
    const closed = (socket: Socket): void => this.#closed(socket)
    this.#socketClosed = function () {
      closed(this)
    }
  }

  get name(): string {
    return this.#binding.name
  }

  get port(): number {
    return this.#binding.port
  }

  get connectionCount(): number {
    return this.#connections + this.#promised
  }

  get strangerSince(): number | null {
    return this.#strangers.oldestSince
  }

  closeStranger(cause: string): Socket | null {
    const socket = this.#strangers.oldest
    if (socket !== null) this.#close(socket, cause)
    return socket
  }

  /** Closes a stranger. */
  #close(socket: Socket, cause: string): void {
    this.#noStranger(socket)
    const address = plainAddress(socket.remoteAddress ?? '')
    const fields = { event: 'stranger.closed', listener: this.name, address, cause }
    this.#log.warn(fields, 'closed before CONNECT, for another connection')
    this.#options.strangerClosed?.()
    socket.destroy()
  }

  async start(): Promise<void> {
    await this.#preparation.start(() => this.name)
    await this.#binding.open()
  }

  async close(): Promise<void> {
    this.#preparation.close()
    for (const [socket, { isAdmitted }] of this.#accepted) if (!isAdmitted) socket.destroy()
    await this.#binding.close()
  }

  async reload(): Promise<void> {
    await this.#preparation.reload()
  }

  hasRevoked(peer: Peer): boolean {
    return peer.listener === this.name && this.#preparation.hasRevoked(peer)
  }

  #accept(socket: Socket): void {
    const peer: Peer = {
      address: plainAddress(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      transport: transportOf(this.#options),
      listener: this.name,
      requiresUser: this.#options.requireUser === true,
      terms: termsOf(this.#options),
      certificate: null,
    }
    socket.on('close', this.#socketClosed)
    this.#accepted.set(socket, { counted: null, isAdmitted: false, refusal: null })
    // The clients behind a proxy are counted by their own addresses, once the header with them was read.
    if (this.#options.proxyProtocol !== true && !this.#count(socket, peer)) return
    this.#place(socket, peer)
  }

  /** Counts the connection for its address. Returns false if it was refused. */
  #count(socket: Socket, peer: Peer): boolean {
    const { counts } = this.#options
    const accepted = this.#accepted.get(socket)
    if (counts === undefined || accepted === undefined) return true
    const opening = counts.open(peer.address)
    if (opening.kind === 'refused') {
      this.#refuse(socket, peer, opening.sentence)
      return false
    }
    accepted.counted = peer.address
    if (opening.kind === 'too-fast') {
      accepted.refusal = { reason: CONNECTION_RATE_EXCEEDED, sentence: opening.sentence }
    }
    return true
  }

  /** A client that closes one connection and opens the next at once may arrive before the close was noticed. */
  #place(socket: Socket, peer: Peer, hasWaited = false): void {
    if (socket.destroyed) return
    // The listener was closed during the wait.
    if (!this.#binding.isOpen) {
      socket.destroy()
      return
    }
    const fullness = this.#fullness()
    if (fullness === null) {
      this.#admit(socket, peer)
      return
    }
    if (socket.listenerCount('error') === 0) socket.on('error', ignored)
    const closing = this.#makeRoom(fullness)
    if (closing !== null) {
      this.#promised += 1
      closing.once('close', () =>
        setImmediate(() => {
          this.#promised -= 1
          this.#place(socket, peer, hasWaited)
        }),
      )
    } else if (hasWaited || this.#looking >= SECOND_LOOKS_MAX) {
      if (fullness !== STRANGERS_FULL) this.#options.counts?.noRoom()
      this.#refuse(socket, peer, fullness)
    } else {
      this.#looking += 1
      setTimeout(() => {
        this.#looking -= 1
        this.#place(socket, peer, true)
      }, SECOND_LOOK_MS)
    }
  }

  #makeRoom(fullness: string): Socket | null {
    const { connectionsMax, makeRoom } = this.#options
    if (this.connectionCount >= connectionsMax) return this.closeStranger(fullness)
    return makeRoom?.(fullness) ?? null
  }

  #admit(socket: Socket, peer: Peer): void {
    const accepted = this.#accepted.get(socket)
    if (accepted === undefined) return
    const { strangers, places } = this.#options
    const { bytes } = this.#preparation
    strangers?.take(bytes)
    accepted.isAdmitted = true
    this.#connections += 1
    const stranger: Stranger = { since: performance.now(), bytes, place: null }
    this.#strangers.add(socket, stranger)
    const prepare = (): void => this.#prepare(socket, peer, performance.now() - stranger.since)
    const { proxyProtocol } = this.#options
    if (places === undefined || proxyProtocol === true) prepare()
    else stranger.place = this.#placeIn(places, socket, peer, prepare)
  }

  /** A connection that must wait for its place has the same time for CONNECT. */
  #placeIn(places: StrangerPlaces, socket: Socket, peer: Peer, prepare: () => void): Place {
    let hasPlace = false
    let timer: NodeJS.Timeout | undefined
    const preparation = this.#preparation
    const place = places.take(peer.address, {
      get hasSpoken(): boolean {
        return preparation.hasSpoken(socket)
      },
      goOn: () => {
        hasPlace = true
        clearTimeout(timer)
        if (!socket.destroyed) prepare()
      },
      giveWay: () => this.#close(socket, PLACE_NEEDED),
    })
    if (hasPlace) return place
    socket.on('error', ignored)
    timer = setTimeout(() => {
      const cause = `it waited for one of the places of its address (limits.strangersPerAddressMax)`
      this.#refuse(socket, peer, cause)
    }, this.#options.connectTimeoutMs ?? CONNECT_MS_MAX)
    return place
  }

  #prepare(socket: Socket, peer: Peer, waitedMs: number): void {
    this.#preparation.prepare(socket, { peer, waitedMs }, (wire, spentMs) => {
      const refusal = this.#accepted.get(socket)?.refusal ?? null
      const hasConnect = (): void => this.#noStranger(socket)
      this.#arrival(wire, { spentMs, refusal, hasConnect })
    })
  }

  #noStranger(socket: Socket): void {
    const stranger = this.#strangers.remove(socket)
    if (stranger === null) return
    this.#options.strangers?.give(stranger.bytes)
    stranger.place?.leave()
  }

  #closed(socket: Socket): void {
    const accepted = this.#accepted.get(socket)
    this.#accepted.delete(socket)
    if (accepted === undefined) return
    if (accepted.isAdmitted) this.#connections -= 1
    if (accepted.counted !== null) this.#options.counts?.close(accepted.counted)
    this.#noStranger(socket)
  }

  #refuse(socket: Socket, peer: Peer, cause: string): void {
    const fields = {
      event: 'connection.refused',
      listener: this.name,
      address: peer.address,
      cause,
    }
    this.#log.warn(fields, 'refused')
    if (socket.listenerCount('error') === 0) socket.on('error', ignored)
    socket.destroy()
  }

  /** Logs that Node has closed a connection because there was no file descriptor. */
  #acceptFailed(cause: string): void {
    this.#log.error({ event: 'accept.failed', listener: this.name, cause }, 'accept failed')
  }

  /** Returns why one more connection is refused, or null. */
  #fullness(): string | null {
    const { connectionsMax, key, fullness, strangers } = this.#options
    if (strangers?.findsRoomFor(this.#preparation.bytes) === false) return STRANGERS_FULL
    if (this.connectionCount < connectionsMax) return fullness?.() ?? null
    return `${connectionsMax} connections are open (${key ?? 'the listener'}.connectionsMax)`
  }
}

function transportOf({ protocol, tls, path }: ListenerOptions): TransportName {
  if (protocol === 'ws') return tls === undefined ? 'ws' : 'wss'
  if (tls !== undefined) return 'tls'
  return path === undefined ? 'tcp' : 'unix'
}

function termsOf({
  mountPoint,
  qosMax = 2,
  usernameIsClientId = false,
  realm = null,
}: ListenerOptions): ListenerTerms {
  const isPlain = mountPoint === undefined && qosMax === 2 && !usernameIsClientId && realm === null
  return isPlain ? NO_TERMS : { mountPoint: mountPoint ?? null, qosMax, usernameIsClientId, realm }
}
