// A socket without a network, for the HTTP parser: bytes are pushed into it, and what is written is kept.

import { Duplex } from 'node:stream'

export class QuietSocket extends Duplex {
  readonly written: Buffer[] = []
  readonly remoteAddress = '192.0.2.1'

  override _read(): void {
    // Bytes are pushed.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk)
    done()
  }

  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }
}
