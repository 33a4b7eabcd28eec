// The contract of `src/transport/wire.ts` as tests, which every wire must pass.

import { type Test, test } from 'tap'
import { CLOSE_MS_MAX } from '../../src/transport/wire.ts'
import type { Arrived } from './world.ts'

/** The client's end of a wire. */
export interface Far {
  /** All that came, joined. */
  readonly bytes: Buffer
  readonly isClosed: boolean
  says(bytes: Buffer): void
  stopsReading(): void
  goesOn(): void
  /** Closes in good order, once all that it said is on its way. */
  hangsUp(): void
  /** Is gone at once. */
  breaks(): void
}

export interface WirePair {
  readonly arrived: Arrived
  readonly far: Far
  /** A moment passes: an iteration of the event loop, or an event of a simulated world. */
  passes(): Promise<void>
  /** So much time passes that no client is waited for any longer. */
  passesCloseTime(): Promise<void>
}

export interface WireKind {
  readonly name: string
  readonly takesAtOnce: boolean
  pair(t: Test): Promise<WirePair>
}

const SIZES = [1, 2, 125, 126, 1_000, 16_383, 16_384, 65_535, 65_536, 1_048_576]
/** What the buffers of a system hold at the very most. */
const BUFFERED_MAX = 64 * 1_048_576
/** Moments until something must have happened. */
const MOMENTS_MAX = 20_000
/** What one read of a socket brings, and the frames that it lies in. */
const READ_BYTES_MAX = 70_000

export function keepsContract(kind: WireKind): void {
  const rule = (sentence: string, tries: (t: Test, pair: WirePair) => Promise<void>): void => {
    test(`${kind.name}: ${sentence}`, { timeout: 60_000 }, async t => {
      const pair = await kind.pair(t)
      // A listener is closed once its sockets are.
      t.teardown(() => pair.arrived.wire.destroy())
      await tries(t, pair)
      t.strictSame(pair.arrived.wrongs, [])
      t.ok(pair.arrived.closings.length <= 1)
    })
  }

  rule('bytes of any size arrive whole and in order', async (t, pair) => {
    const sent = new Sent(pair)
    for (const size of SIZES) sent.writes(size)
    for (const size of SIZES) sent.writesMany([size, 1, 300, size, 2])

    await until(pair, () => pair.far.bytes.length >= sent.length)
    sent.hasArrived(t)
  })

  rule('what the client says arrives whole and in order', async (t, pair) => {
    const said = SIZES.map(size => pattern(size, size))
    for (const bytes of said) pair.far.says(bytes)

    const all = Buffer.concat(said)
    await until(pair, () => pair.arrived.bytes.length >= all.length)
    t.ok(pair.arrived.bytes.equals(all))
  })

  rule('a write that is pending is told when it is taken, however small', async (t, pair) => {
    const { arrived } = pair
    const sent = new Sent(pair)
    for (const size of SIZES) {
      const drainsBefore = arrived.drains
      if (size % 2 === 0) sent.writes(size)
      else sent.writesMany([size, size])
      if (kind.takesAtOnce && size < 16_000) t.equal(arrived.wire.pendingBytes, 0)
      t.equal(arrived.drains, drainsBefore)
      const wasPending = arrived.wire.pendingBytes > 0
      await until(pair, () => arrived.wire.pendingBytes === 0)
      if (wasPending) await until(pair, () => arrived.drains > drainsBefore)
    }
    await until(pair, () => pair.far.bytes.length >= sent.length)
    sent.hasArrived(t)
  })

  for (const size of [100, 20_000]) {
    rule(
      `a client that stops reading and goes on is told of, in writes of ${size}`,
      async (t, pair) => {
        const { arrived, far } = pair
        const sent = new Sent(pair)
        for (let round = 0; round < 2; round++) {
          far.stopsReading()
          await fill(kind, pair, sent, size)
          const drainsBefore = arrived.drains
          if (round > 0) sent.writesMany([1, 1])
          far.goesOn()
          await until(pair, () => arrived.wire.pendingBytes === 0)
          await until(pair, () => arrived.drains > drainsBefore)
          t.ok(arrived.wire.isFlowing)
        }
        await until(pair, () => far.bytes.length >= sent.length)
        sent.hasArrived(t)
      },
    )
  }

  rule('while it does not flow something is pending', async (t, pair) => {
    const sent = new Sent(pair)
    pair.far.stopsReading()
    let claims = 0
    for (let count = 0; count < 200; count++) {
      sent.writes(50_000)
      const { isFlowing, pendingBytes } = pair.arrived.wire
      if (!isFlowing && pendingBytes <= 0) claims += 1
      if (!isFlowing) break
    }
    t.equal(claims, 0)
    t.notOk(pair.arrived.wire.isFlowing)
  })

  rule('a paused wire brings nothing until it goes on', async (t, pair) => {
    const { arrived, far } = pair
    const all = pattern(200_000, 1)
    let most = 0
    arrived.whenReceived = () => {
      if (most > 0) return
      arrived.wire.pause()
      most = arrived.bytes.length + READ_BYTES_MAX
    }
    for (let start = 0; start < all.length; start += 1_000) {
      far.says(all.subarray(start, start + 1_000))
    }
    await until(pair, () => arrived.bytes.length > 0)
    await moments(pair, 20)
    const { length } = arrived.bytes
    t.ok(length <= most, `${length} of at most ${most}`)
    await moments(pair, 20)
    t.equal(arrived.bytes.length, length)

    arrived.calls(wire => wire.resume())
    await until(pair, () => arrived.bytes.length >= all.length)
    t.ok(arrived.bytes.equals(all))
  })

  rule('a paused wire is written to as ever', async (t, pair) => {
    const sent = new Sent(pair)
    pair.arrived.calls(wire => wire.pause())
    for (const size of SIZES) sent.writes(size)
    await until(pair, () => pair.far.bytes.length >= sent.length)
    sent.hasArrived(t)
  })

  rule('an end delivers all that was written, then closes', async (t, pair) => {
    const { arrived, far } = pair
    const sent = new Sent(pair)
    for (const size of SIZES) sent.writes(size)
    sent.writesMany([1_048_576, 1, 1])
    arrived.calls(wire => wire.end())
    t.equal(
      arrived.calls(wire => wire.write(Buffer.from('more'))),
      false,
    )

    await until(pair, () => far.isClosed && arrived.closings.length > 0)
    sent.hasArrived(t)
    t.strictSame(arrived.closings, [null])
  })

  rule(
    'an end waits for a client that reads late, and not for one that never does',
    async (t, pair) => {
      const { arrived, far } = pair
      const sent = new Sent(pair)
      far.stopsReading()
      await fill(kind, pair, sent, 20_000)
      arrived.calls(wire => wire.end())
      arrived.calls(wire => wire.end())
      await moments(pair, 20)
      t.strictSame(arrived.closings, [])

      await pair.passesCloseTime()
      await until(pair, () => arrived.closings.length > 0)
      far.goesOn()
      await until(pair, () => far.isClosed)
    },
  )

  rule('a destroyed wire closes at once and is deaf and mute from then on', async (t, pair) => {
    const { arrived, far } = pair
    const sent = new Sent(pair)
    far.stopsReading()
    await fill(kind, pair, sent, 20_000)
    arrived.whenReceived = () => arrived.destroys()
    for (let count = 0; count < 50; count++) far.says(pattern(1_000, count))
    await until(pair, () => arrived.closings.length > 0)

    callsEverything(arrived)
    far.goesOn()
    await until(pair, () => far.isClosed)
    await moments(pair, 20)
    t.equal(arrived.closings.length, 1)
  })

  rule('a client that hangs up is heard to its last word', async (t, pair) => {
    const { arrived, far } = pair
    far.says(pattern(100_000, 7))
    far.hangsUp()

    await until(pair, () => arrived.closings.length > 0)
    t.ok(arrived.bytes.equals(pattern(100_000, 7)))
    t.strictSame(arrived.closings, [null])
    callsEverything(arrived)
    await moments(pair, 20)
  })

  rule('a client that hangs up without reading is not waited for', async (t, pair) => {
    const { arrived, far } = pair
    const sent = new Sent(pair)
    far.stopsReading()
    await fill(kind, pair, sent, 20_000)
    far.hangsUp()
    await moments(pair, 20)
    await pair.passesCloseTime()

    await until(pair, () => arrived.closings.length > 0)
    t.equal(arrived.closings.length, 1)
  })

  for (const isFull of [false, true]) {
    rule(
      `a client that is gone is told of once${isFull ? ', also with bytes pending' : ''}`,
      async (t, pair) => {
        const { arrived, far } = pair
        far.says(pattern(10, 1))
        await until(pair, () => arrived.bytes.length === 10)
        if (isFull) {
          far.stopsReading()
          await fill(kind, pair, new Sent(pair), 20_000)
        }
        far.breaks()

        await until(pair, () => arrived.closings.length > 0)
        callsEverything(arrived)
        await moments(pair, 20)
        t.equal(arrived.closings.length, 1)
      },
    )
  }
}

/** Whatever a caller may still do with a wire that is closed. */
function callsEverything(arrived: Arrived): void {
  arrived.calls(wire => {
    wire.write(Buffer.from('late'))
    wire.writeMany([Buffer.from('very'), Buffer.from('late')])
    wire.pause()
    wire.resume()
    wire.end()
    wire.destroy()
  })
}

/** What was written so far, in memory that is used again as soon as that is allowed. */
class Sent {
  length = 0
  readonly #pair: WirePair
  readonly #pieces: Buffer[] = []
  readonly #pending: Buffer[] = []

  constructor(pair: WirePair) {
    this.#pair = pair
  }

  writes(size: number): void {
    const piece = this.#piece(size)
    const wasTaken = this.#pair.arrived.calls(wire => wire.write(piece))
    this.#usesAgain([piece], wasTaken)
  }

  writesMany(sizes: readonly number[]): void {
    const pieces = sizes.map(size => this.#piece(size))
    const wasTaken = this.#pair.arrived.calls(wire => wire.writeMany(pieces))
    this.#usesAgain(pieces, wasTaken)
  }

  hasArrived(t: Test): void {
    t.ok(this.#pair.far.bytes.equals(Buffer.concat(this.#pieces)), 'all is there, in order')
  }

  #piece(size: number): Buffer {
    const piece = pattern(size, this.length)
    this.#pieces.push(Buffer.from(piece))
    this.length += size
    return piece
  }

  #usesAgain(pieces: readonly Buffer[], wasTaken: boolean): void {
    if (wasTaken) for (const piece of pieces) piece.fill(0xee)
    else this.#pending.push(...pieces)
    const { copies, pendingBytes } = this.#pair.arrived.wire
    if (!copies || pendingBytes > 0) return
    for (const piece of this.#pending.splice(0)) piece.fill(0xee)
  }
}

/** Writes until the system takes no more. Where it takes at once, no more than one write is pending then. */
async function fill(kind: WireKind, pair: WirePair, sent: Sent, size: number): Promise<void> {
  const { wire } = pair.arrived
  const end = sent.length + BUFFERED_MAX
  while (sent.length < end) {
    if (kind.takesAtOnce) sent.writes(size)
    else sent.writesMany([200_000, size, 200_000])
    if (wire.pendingBytes === 0) continue
    await moments(pair, 3)
    if (wire.pendingBytes > 0) return
  }
  throw new Error('the system takes everything')
}

async function until(pair: WirePair, isSo: () => boolean): Promise<void> {
  for (let count = 0; !isSo(); count++) {
    if (pair.arrived.wire.pendingBytes < 0) throw new Error('less than nothing is pending')
    if (count > MOMENTS_MAX) throw new Error(`never: ${isSo.toString()}`)
    await pair.passes()
  }
}

async function moments(pair: WirePair, count: number): Promise<void> {
  for (let left = count; left > 0; left--) await pair.passes()
}

function pattern(size: number, from: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  for (let at = 0; at < size; at++) bytes[at] = (from + at * 31 + (at >> 8)) & 0xff
  return bytes
}

/** Timers that give up a client are held back, and go off when the test says that their time has come. */
export class CloseTimers {
  readonly #due: (() => void)[] = []

  constructor(t: Test) {
    const { setTimeout: real } = globalThis
    const held = (callback: () => void, milliseconds?: number): NodeJS.Timeout => {
      if (milliseconds !== CLOSE_MS_MAX) return real(callback, milliseconds)
      this.#due.push(callback)
      return real(() => {}, 0)
    }
    Reflect.set(globalThis, 'setTimeout', held)
    t.teardown(() => Reflect.set(globalThis, 'setTimeout', real))
  }

  goOff(): void {
    for (const callback of this.#due.splice(0)) callback()
  }
}
