// Reading from a TCP socket into memory that all sockets share. It is what `net.connect({ onread })` does, for the
// sockets of a server, which Node has no public way to ask it of. Where this Node is built otherwise, they are read
// from as streams are: that costs more, and nothing else changes.
// What it buys: no 64 KiB are allocated for each read. A delivery of 64 KiB at QoS 0 costs 30 µs of CPU with it and 49 without,
// one of 16 B at QoS 1 1.43 and 1.7, and a single message that nothing can be batched with a fifteenth less.

import { Socket } from 'node:net'
import type { LentBytes } from '../packet/lent-bytes.ts'

/** As much as the system is asked for in one call, as Node does. */
const BYTES = 65_536

/** Read from by one socket at a time, and only until its callback returns. Windows reads ahead, into memory of each socket's own. */
const shared = process.platform === 'win32' ? null : Buffer.allocUnsafeSlow(BYTES)

interface Handle {
  useUserBuffer(memory: Buffer): void
}

interface SocketInternals {
  readonly memory: symbol
  readonly callback: symbol
  readonly generator: symbol
}

const internals = internalsOf(Object.getOwnPropertySymbols(new Socket()))

const READER = Symbol('reader')

interface ReadSocket extends Socket {
  [READER]?: Reader
}

export interface Reader {
  /** The chunk is lent until this has returned. */
  received(chunk: LentBytes): void
}

/**
 * From now on `received` of the reader is called with what is read, in memory that is written to again when it has returned.
 * False where that cannot be had.
 */
export function readIntoSharedMemory(socket: Socket, reader: Reader): boolean {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (shared === null || internals === null || socket.constructor !== Socket || !isHandle(handle)) {
    return false
  }
  Reflect.set(socket, internals.memory, shared)
  Reflect.set(socket, internals.generator, null)
  Reflect.set(socket, READER, reader)
  Reflect.set(socket, internals.callback, onRead)
  handle.useUserBuffer(shared)
  return true
}

/** One function for all sockets: Node calls it as a method of the socket. */
function onRead(this: ReadSocket, length: number, memory: Buffer): void {
  this[READER]?.received(memory.subarray(0, length))
}

function internalsOf(symbols: readonly symbol[]): SocketInternals | null {
  const named = (name: string): symbol | undefined =>
    symbols.find(({ description }) => description === name)
  const memory = named('kBuffer')
  const callback = named('kBufferCb')
  const generator = named('kBufferGen')
  if (memory === undefined || callback === undefined || generator === undefined) return null
  return { memory, callback, generator }
}

function isHandle(handle: unknown): handle is Handle {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle
}
