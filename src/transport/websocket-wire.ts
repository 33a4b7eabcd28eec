// A wire over a WebSocket. Binary frames form a stream of bytes, in which packets may be split or joined [MQTT-6.0.0-2].

import type { Socket } from 'node:net'
import type { RawData, WebSocket } from 'ws'
import { copies, copiesNow, DrainWatch, reset, takesAtOnce, unsentBytesOf } from './drain-watch.ts'
import { MessageParts } from './message-parts.ts'
import { framesOf } from './mqtt-frames.ts'
import { CLOSE_MS_MAX, LATE_BYTES_MAX, type Peer, type Wire, type WireReceiver } from './wire.ts'

/** The close code for an unsupported kind of data (RFC 6455, section 7.4.1). */
const UNSUPPORTED_DATA = 1_003

export class WebSocketWire implements Wire {
  readonly peer: Peer
  readonly #socket: WebSocket
  readonly #transport: Socket
  readonly #takesAtOnce: boolean
  #watch: DrainWatch | null = null
  #receiver: WireReceiver | null = null
  #cause: string | null = null
  #isEnding = false
  #isDestroyed = false
  readonly #parts: MessageParts

  /** Until something is written a message of more than `firstBytesMax` ends the wire. */
  constructor(socket: WebSocket, transport: Socket, peer: Peer, firstBytesMax = Infinity) {
    this.#parts = new MessageParts(firstBytesMax)
    this.#socket = socket
    this.#transport = transport
    this.#takesAtOnce = takesAtOnce(transport)
    this.peer = peer
  }

  get pendingBytes(): number {
    return this.#socket.bufferedAmount
  }

  get untakenBytes(): number {
    return unsentBytesOf(this.#transport) ?? this.#socket.bufferedAmount
  }

  get copies(): boolean {
    return copies(this.#transport)
  }

  get isFlowing(): boolean {
    const pending = this.#socket.bufferedAmount
    return this.#takesAtOnce ? pending === 0 : pending < LATE_BYTES_MAX
  }

  open(receiver: WireReceiver): void {
    this.#receiver = receiver
    this.#socket.on('message', (data, isBinary) => this.#received(data, isBinary))
    this.#socket.on('error', error => (this.#cause ??= error.message))
    this.#socket.on('close', () => this.#closed())
    // A client that closes its socket without a close frame may still read pending bytes, or never read them.
    this.#transport.on('end', () => this.end())
    this.#noteParts()
    if (this.#socket.readyState === this.#socket.CLOSED) this.#closed()
  }

  /**
   * A message is received when it is complete, and a large one may take longer than the keep-alive. Bytes that complete nothing
   * are part of a message and count as activity. A ping or pong of WebSocket is no MQTT packet [MQTT-3.1.2-22] and does not count.
   */
  #noteParts(): void {
    this.#socket.on('ping', () => (this.#parts.isWhole = true))
    this.#socket.on('pong', () => (this.#parts.isWhole = true))
    // This listener runs after the one of the WebSocket, which has reported everything that this chunk completed.
    this.#transport.on('data', (chunk: Buffer) => {
      if (!this.#parts.isWhole) this.#receiver?.heard?.()
      const isTooMuch = this.#parts.exceedBy(chunk.length)
      const kept = this.#parts.newlyKept()
      if (kept !== null) this.#receiver?.kept?.(kept)
      if (!isTooMuch || this.#isDestroyed) return
      this.#cause ??= `a WebSocket message of more than ${this.#parts.bytesMax} bytes before CONNACK`
      this.destroy()
    })
  }

  write(bytes: Uint8Array): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    return this.writeMany([bytes])
  }

  /** Frames are written directly to the socket. `ws` would allocate an object for each frame, and there may be many acknowledgements. */
  writeMany(pieces: readonly Uint8Array[]): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    this.#parts.isKnown = true
    const frames = framesOf(pieces)
    const isCopied = !this.#takesAtOnce && copiesNow(this.#transport)
    let left = frames.length
    this.#transport.cork()
    for (const frame of frames) {
      left -= 1
      const isAsked = left === 0 && !this.#takesAtOnce
      this.#transport.write(frame, isAsked ? this.#drains().written : undefined)
    }
    this.#transport.uncork()
    return isCopied || this.#wasTaken()
  }

  #wasTaken(): boolean {
    if (!this.#takesAtOnce) return false
    if (this.#socket.bufferedAmount === 0) return true
    this.#drains().mark()
    return false
  }

  #drains(): DrainWatch {
    this.#watch ??= new DrainWatch(this.#transport, () => this.#receiver?.drained())
    return this.#watch
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    if (this.#isEnding || this.#socket.readyState === this.#socket.CLOSED) return
    this.#isEnding = true
    this.#socket.resume()
    this.#socket.close()
    this.#giveUpLater()
  }

  /** Bounds the wait for a client that closes, or was asked to close, and does not read pending bytes. */
  #giveUpLater(): void {
    const giveUp = setTimeout(() => this.#socket.terminate(), CLOSE_MS_MAX)
    this.#socket.once('close', () => clearTimeout(giveUp))
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#socket.terminate()
  }

  reset(): void {
    this.#isDestroyed = true
    reset(this.#transport)
    this.#socket.terminate()
  }

  #received(data: RawData, isBinary: boolean): void {
    // `ws` still delivers frames of the chunk in which the wire was destroyed.
    if (this.#isDestroyed) return
    this.#parts.isWhole = true
    this.#parts.isComplete = true
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
