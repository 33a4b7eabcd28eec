// The descriptor that log lines are written to, and how to write without waiting for their reader.

import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { isatty } from 'node:tty'

type Written = (error: NodeJS.ErrnoException | null, bytes: number) => void

export interface LogDescriptor {
  /** Writes as much as the descriptor takes and calls back with how much that was, at once or later. One write at a time. */
  write(bytes: Buffer, written: Written): void
  /** The same synchronously, at the end of the process. Throws errors. */
  writeNow(bytes: Buffer): number
}

/**
 * Pipes, sockets and terminals are written to at once, and take only what they have room for. The rest, files above
 * all, never has a reader that stops, but may have a slow disk: another thread waits for that.
 */
export function openLogDescriptor(fd: number): LogDescriptor {
  const stats = fstatSync(fd)
  const isPipe = stats.isFIFO()
  const own = isPipe || isatty(fd) ? reopened(fd) : null
  if (own !== null) return new NonBlocking(own)
  // Node makes these descriptors non-blocking at the first access to process.stdout, except on Windows.
  const isSetByNode = (isPipe || stats.isSocket()) && process.platform !== 'win32'
  return isSetByNode ? new NonBlocking(fd) : new InAnotherThread(fd)
}

/** Opens the same pipe or terminal again, so that settings do not affect other processes that share the first one. */
function reopened(fd: number): number | null {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    // No such file system, no right, or a pipe without a reader.
    return null
  }
}

class NonBlocking implements LogDescriptor {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  write(bytes: Buffer, written: Written): void {
    let count = 0
    try {
      count = writeSync(this.#fd, bytes)
    } catch (error) {
      written(error as NodeJS.ErrnoException, 0)
      return
    }
    written(null, count)
  }

  writeNow(bytes: Buffer): number {
    return writeSync(this.#fd, bytes)
  }
}

class InAnotherThread implements LogDescriptor {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  write(bytes: Buffer, written: Written): void {
    write(this.#fd, bytes, (error, count) => written(error, error === null ? count : 0))
  }

  writeNow(bytes: Buffer): number {
    return writeSync(this.#fd, bytes)
  }
}
