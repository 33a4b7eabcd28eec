// A wire over a WebSocket: binary frames are a stream of bytes, however packets are split or joined [MQTT-6.0.0-2].

import type { Socket } from 'node:net'
import type { RawData, WebSocket } from 'ws'
import type { Peer, Wire, WireReceiver } from './wire.ts'

/** Close code for data of a kind that is not taken (RFC 6455, section 7.4.1). */
const UNSUPPORTED_DATA = 1_003
/** How long a client may take to answer our close frame. */
const CLOSE_MS_MAX = 2_000

export class WebSocketWire implements Wire {
  readonly peer: Peer
  readonly #socket: WebSocket
  readonly #transport: Socket
  #receiver: WireReceiver | null = null
  #cause: string | null = null
  /** Something was whole within the chunk that is being read. */
  #isWhole = false

  constructor(socket: WebSocket, transport: Socket, peer: Peer) {
    this.#socket = socket
    this.#transport = transport
    this.peer = peer
  }

  get pendingBytes(): number {
    return this.#socket.bufferedAmount
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
    this.#socket.on('message', (data, isBinary) => this.#received(data, isBinary))
    this.#socket.on('error', error => (this.#cause ??= error.message))
    this.#socket.on('close', () => this.#closed())
    this.#transport.on('drain', () => this.#receiver?.drained())
    this.#transport.once('end', () => this.#giveUpLater())
    this.#hearParts()
  }

  /**
   * A message is received when it is whole, and a large one may take longer than the keep-alive: bytes that end no frame
   * are a part of one. A ping or a pong of WebSocket is no packet of MQTT [MQTT-3.1.2-22] and keeps nobody alive.
   */
  #hearParts(): void {
    this.#socket.on('ping', () => (this.#isWhole = true))
    this.#socket.on('pong', () => (this.#isWhole = true))
    // Called behind the listener of the WebSocket, which has told of all that ended in this chunk.
    this.#transport.on('data', () => {
      if (!this.#isWhole) this.#receiver?.heard?.()
      this.#isWhole = false
    })
  }

  write(bytes: Uint8Array): boolean {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(bytes)
    return false
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    this.#transport.cork()
    for (const piece of pieces) this.write(piece)
    this.#transport.uncork()
    return false
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.resume()
    this.#socket.close()
    this.#giveUpLater()
  }

  /** A client that closes its side, or is asked to, is not waited for when it does not read what is on its way to it. */
  #giveUpLater(): void {
    const giveUp = setTimeout(() => this.#socket.terminate(), CLOSE_MS_MAX)
    this.#socket.once('close', () => clearTimeout(giveUp))
  }

  destroy(): void {
    this.#socket.terminate()
  }

  #received(data: RawData, isBinary: boolean): void {
    this.#isWhole = true
    if (!isBinary) {
      // [MQTT-6.0.0-1]
      this.#cause = 'a WebSocket text frame, where MQTT is binary'
      this.#socket.close(UNSUPPORTED_DATA, 'MQTT is sent in binary frames')
      this.#closed()
      return
    }
    if (Buffer.isBuffer(data)) this.#receiver?.received(data)
  }

  #closed(): void {
    const receiver = this.#receiver
    this.#receiver = null
    receiver?.closed(this.#cause)
  }
}
