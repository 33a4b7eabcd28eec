// A wire as a stream of Node, for what is HTTP.

import { Duplex } from 'node:stream'
import { copyOfLent, type LentBytes } from '../packet/lent-bytes.ts'
import type { Wire } from '../transport/wire.ts'

export class LinkedStream extends Duplex {
  readonly remoteAddress: string
  readonly #wire: Wire
  /** Somebody waits until what was written is taken. */
  #whenTaken: (() => void) | null = null
  #isOver = false
  #idle: NodeJS.Timeout | null = null

  /** `address` is that of the connection, which may be a proxy's. `isSecured`: over TLS. */
  constructor(
    wire: Wire,
    { address, isSecured }: { readonly address: string; readonly isSecured: boolean },
  ) {
    super()
    this.#wire = wire
    this.remoteAddress = address
    // So Node tells that a socket has TLS.
    if (isSecured) Reflect.set(this, 'encrypted', true)
    wire.open({
      received: chunk => this.#received(chunk),
      drained: () => this.#drained(),
      closed: cause => this.#closed(cause),
    })
  }

  /** As that of a socket: 'timeout' is emitted when nothing has happened for so long; 0 for never. */
  setTimeout(milliseconds: number, timedOut?: () => void): this {
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#idle =
      milliseconds === 0 ? null : setTimeout(() => this.emit('timeout'), milliseconds).unref()
    if (timedOut !== undefined) this.once('timeout', timedOut)
    return this
  }

  #received(chunk: LentBytes): void {
    this.#idle?.refresh()
    if (!this.push(copyOfLent(chunk))) this.#wire.pause()
  }

  #drained(): void {
    this.#idle?.refresh()
    const taken = this.#whenTaken
    if (taken === null || !this.#wire.isFlowing) return
    this.#whenTaken = null
    taken()
  }

  #closed(cause: string | null): void {
    this.#isOver = true
    if (cause !== null) this.destroy()
    else {
      this.push(null)
      if (this.writableFinished || !this.writable) this.destroy()
      else this.end()
    }
  }

  override _read(): void {
    if (!this.#isOver) this.#wire.resume()
  }

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    this._writev([{ chunk }], taken)
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], taken: () => void): void {
    this.#idle?.refresh()
    this.#wire.writeMany(chunks.map(({ chunk }) => chunk))
    if (this.#isOver || this.#wire.isFlowing) taken()
    else this.#whenTaken = taken
  }

  override _final(done: () => void): void {
    this.#wire.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#wire.destroy()
    done(error)
  }
}
