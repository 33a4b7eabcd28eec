// A bounded buffer of log lines before a descriptor whose reader may be slow, stopped or gone. The broker never waits for
// it. Lines that do not fit are left out and counted, and a line tells how many once there is space.

import type { LogDescriptor } from './log-descriptor.ts'

/** The size of one write: the capacity of a pipe on Linux. */
const CHUNK_BYTES_MAX = 65_536
/** The first wait before bytes that were not taken are written again. It doubles each time. */
const RETRY_MS_MIN = 10
const RETRY_MS_MAX = 320
/** How long the end of the process may be delayed in total. */
const FINAL_FLUSH_MS_MAX = 1_000
const FINAL_RETRY_MS = 5
/** As `create-log.ts` makes them. */
const FATAL = '{"level":"fatal"'

interface LogOutputOptions {
  /** The most bytes of waiting lines. */
  readonly bytesMax: number
  /** Converts a line of JSON to the printed text. */
  readonly render: (line: string) => string
}

type State = 'idle' | 'scheduled' | 'writing'

export class LogOutput {
  /** The number of lines that were left out since the process began. */
  linesLeftOut = 0
  readonly #descriptor: LogDescriptor
  readonly #options: LogOutputOptions
  #lines: string[] = []
  /** The bytes of `#lines`. */
  #bytes = 0
  /** The chunk that is being written. */
  #chunk: Buffer = EMPTY
  #state: State = 'idle'
  #retryMs = RETRY_MS_MIN
  /** The number of lines that were left out and not reported yet. */
  #unreported = 0
  #finalFlushMs = FINAL_FLUSH_MS_MAX

  constructor(descriptor: LogDescriptor, options: LogOutputOptions) {
    this.#descriptor = descriptor
    this.#options = options
  }

  /** Whether less than half of the buffer is used, and all lines that were left out are reported. */
  get hasRoom(): boolean {
    return this.#unreported === 0 && this.#isRoomy()
  }

  /** A line of JSON with its line feed, or text that is printed as it is. */
  write(line: string): void {
    if (line.startsWith(FATAL)) {
      this.#writeFatal(line)
      return
    }
    const waiting = this.#bytes + this.#chunk.length
    // After a line was left out, all lines are left out until a line reports it, so that the order is kept.
    if (this.#unreported > 0 || waiting + Buffer.byteLength(line) > this.#options.bytesMax) {
      this.#leaveOut(1)
    } else {
      this.#append(line)
    }
    this.#schedule()
  }

  /** Before the process ends: tries for a second in all, however often it is called. */
  flushSync(): void {
    this.#flushFor(this.#finalFlushMs)
  }

  #isRoomy(): boolean {
    return this.#bytes + this.#chunk.length <= this.#options.bytesMax / 2
  }

  #append(line: string): void {
    this.#lines.push(line)
    this.#bytes += Buffer.byteLength(line)
  }

  #leaveOut(lines: number): void {
    this.#unreported += lines
    this.linesLeftOut += lines
  }

  /** One write for all lines of an iteration of the event loop. */
  #schedule(): void {
    if (this.#state !== 'idle') return
    this.#state = 'scheduled'
    setImmediate(() => this.#proceed())
  }

  #proceed(): void {
    this.#state = 'idle'
    if (!this.#fillChunk()) return
    this.#state = 'writing'
    this.#descriptor.write(this.#chunk, (error, bytes) => this.#written(error, bytes))
  }

  #written(error: NodeJS.ErrnoException | null, bytes: number): void {
    // Another thread was writing the chunk when the final flush began.
    if (this.#state !== 'writing') return
    this.#state = 'idle'
    if (error === null) {
      this.#taken(bytes)
      this.#schedule()
      return
    }
    // Any error may be temporary: a reader continues, a disk has space again, a named pipe gets another reader.
    this.#state = 'scheduled'
    setTimeout(() => this.#proceed(), this.#retryMs).unref()
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX)
  }

  #taken(bytes: number): void {
    this.#retryMs = RETRY_MS_MIN
    this.#chunk = this.#chunk.subarray(bytes)
  }

  /** Makes the next chunk of waiting lines. Returns false when there is nothing to write. */
  #fillChunk(): boolean {
    if (this.#unreported > 0 && this.#isRoomy()) this.#reportLeftOut()
    if (this.#chunk.length > 0) return true
    if (this.#lines.length === 0) return false
    let count = 0
    let bytes = 0
    while (count < this.#lines.length && bytes < CHUNK_BYTES_MAX) {
      bytes += Buffer.byteLength(this.#lines[count] ?? '')
      count += 1
    }
    this.#bytes -= bytes
    const drawn = this.#lines.splice(0, count)
    this.#chunk = Buffer.from(drawn.map(this.#options.render).join(''))
    return true
  }

  #reportLeftOut(): void {
    this.#append(lineOfLeftOut(this.#unreported))
    this.#unreported = 0
  }

  /** At the end the reader is too slow for all waiting lines: older lines are left out, and this one is written. */
  #writeFatal(line: string): void {
    this.#flushFor(this.#finalFlushMs / 2)
    this.#leaveOut(this.#lines.length)
    this.#lines = []
    this.#bytes = 0
    if (this.#unreported > 0) this.#reportLeftOut()
    this.#append(line)
    this.flushSync()
  }

  #flushFor(milliseconds: number): void {
    // A write to a file by another thread completes before the process ends.
    if (this.#state === 'writing') this.#chunk = EMPTY
    this.#state = 'idle'
    const startedAt = performance.now()
    let spent = 0
    while (spent < milliseconds && this.#fillChunk()) {
      try {
        this.#taken(this.#descriptor.writeNow(this.#chunk))
      } catch {
        sleep(FINAL_RETRY_MS)
        spent = performance.now() - startedAt
      }
    }
    this.#finalFlushMs -= spent
  }
}

const EMPTY = Buffer.alloc(0)
const NEVER = new Int32Array(new SharedArrayBuffer(4))

function sleep(milliseconds: number): void {
  Atomics.wait(NEVER, 0, 0, milliseconds)
}

function lineOfLeftOut(lines: number): string {
  const words = `${lines.toLocaleString('en')} lines were left out: whoever reads the log is too slow`
  const fields = { level: 'warn', time: new Date().toISOString(), event: 'log.left-out', lines }
  return `${JSON.stringify({ ...fields, msg: words })}\n`
}
