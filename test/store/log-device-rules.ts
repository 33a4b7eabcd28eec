// The contract of log devices: every device must pass it, whether it answers at once or late.

import { test } from 'tap'
import type { Position } from '../../src/store/ledger/message-table.ts'
import type { Done, LogDevice } from '../../src/store/log-device.ts'

/** The size of an extent of the devices that are tested. */
export const EXTENT_BYTES = 16_384

/** Returns the device of one log, as a new process would see it, at each call. */
export type Place = () => LogDevice

export interface Appended {
  readonly position: Position
  readonly payload: Buffer
}

export interface Recovered {
  readonly log: LogDevice
  readonly parts: readonly string[]
  readonly frames: readonly string[]
  readonly positions: readonly Position[]
  readonly last: Position
}

export async function recovered(place: Place): Promise<Recovered> {
  const log = place()
  const parts: string[] = []
  const frames: string[] = []
  const positions: Position[] = []
  const from = await answerOf<Position>(done => log.open(part => parts.push(part.toString()), done))
  const last = await answerOf<Position>(done =>
    log.read(
      from,
      (payload, position) => {
        frames.push(payload.toString())
        positions.push(position)
      },
      done,
    ),
  )
  return { log, parts, frames, positions, last }
}

export function answerOf<Result>(ask: (done: Done<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    ask((error, result) => (error === null ? resolve(result) : reject(error)))
  })
}

export function append(
  log: LogDevice,
  bytes: Buffer | string,
  expected: Position,
): Promise<Appended> {
  return new Promise((resolve, reject) => {
    log.append(Buffer.from(bytes), expected, (error, position, payload) =>
      error === null ? resolve({ position, payload }) : reject(error),
    )
  })
}

/** Appends frames one after another. Returns their positions. */
export async function appendAll(
  log: LogDevice,
  frames: readonly (Buffer | string)[],
  last: Position,
): Promise<readonly Position[]> {
  const positions: Position[] = []
  for (const frame of frames) {
    const { position } = await append(log, frame, positions.at(-1) ?? last)
    positions.push(position)
  }
  return positions
}

export async function checkpoint(
  log: LogDevice,
  at: Position,
  parts: readonly string[],
): Promise<void> {
  const writing = log.checkpoint(at)
  for (const part of parts) {
    const memory = Buffer.from(part)
    await answerOf<void>(done => writing.write(memory, done))
    memory.fill(0)
  }
  await answerOf<void>(done => writing.finish(done))
}

export async function fetched(
  log: LogDevice,
  positions: readonly Position[],
): Promise<readonly string[]> {
  const frames: string[] = []
  await answerOf<void>(done =>
    log.fetch(positions, (payload, index) => (frames[index] = payload.toString()), done),
  )
  return frames
}

export function close(log: LogDevice): Promise<void> {
  return answerOf(done => log.close(done))
}

/** Frames that fill some extents. */
const LARGE = Array.from({ length: 8 }, (_, index) => Buffer.alloc(EXTENT_BYTES / 2, 65 + index))

/** `skip`: why there is no such device here. */
export function testLogDevice(name: string, make: () => Place, skip: string | false = false): void {
  test(`${name} gives back every frame in order, at positions that grow`, { skip }, async t => {
    const place = make()
    const first = await recovered(place)
    t.strictSame(first.parts, [])
    t.strictSame(first.frames, [])
    const positions = await appendAll(first.log, ['one', 'two', 'three'], first.last)
    await close(first.log)

    const then = await recovered(place)
    t.strictSame(then.frames, ['one', 'two', 'three'])
    t.strictSame(then.positions, positions)
    t.equal(then.last, positions[2])
    t.strictSame(
      positions.toSorted((one, other) => one - other),
      positions,
    )
    t.ok((positions[0] ?? 0) > first.last)
    await close(then.log)
  })

  test(
    `${name} keeps what was appended when the memory that it was given serves again`,
    { skip },
    async t => {
      const { log, last } = await recovered(make())
      const bytes = Buffer.from('first')
      const appended = await new Promise<string>(resolve => {
        log.append(bytes, last, (_error, _position, payload) => {
          bytes.fill(0)
          resolve(payload.toString())
        })
      })
      t.equal(appended, 'first')
      await close(log)
    },
  )

  test(`${name} takes nothing from a writer that expects another end`, { skip }, async t => {
    const place = make()
    const { log, last } = await recovered(place)
    const { position } = await append(log, 'mine', last)
    await t.rejects(append(log, 'of another writer', last), /another writer owns it/)
    const again = await append(log, 'mine as well', position)
    await checkpoint(log, again.position, [])
    await close(log)

    const next = await recovered(place)
    t.strictSame(next.frames, [], 'they are before the checkpoint')
    const { position: newest } = await append(next.log, 'behind the checkpoint', next.last)
    t.ok(newest > next.last)
    await t.rejects(append(next.log, 'of another writer', next.last), /another writer owns it/)
    await close(next.log)
  })

  test(`${name} reads frames at any positions, in any order and again`, { skip }, async t => {
    const { log, last } = await recovered(make())
    const positions = await appendAll(log, ['one', ...LARGE, 'two'], last)
    const wanted = [9, 0, 3, 0].map(index => positions[index] ?? 0)
    const found = await fetched(log, wanted)
    t.strictSame(found, ['two', 'one', LARGE[2]?.toString(), 'one'])
    t.strictSame(await fetched(log, []), [])
    await close(log)
  })

  test(
    `${name} starts from its newest checkpoint, which is there as a whole or not at all`,
    { skip },
    async t => {
      const place = make()
      const { log, last } = await recovered(place)
      const [one = 0, two = 0] = await appendAll(log, ['one', 'two'], last)
      await checkpoint(log, two, ['an older', 'state'])
      const hasMore = await answerOf<boolean>(done => log.removeOlder(done))
      t.equal(hasMore, false, 'none was older')
      const [three = 0] = await appendAll(log, ['three'], two)
      const given = log.checkpoint(three)
      await answerOf<void>(done => given.write(Buffer.from('given up'), done))
      given.abandon()
      const unfinished = log.checkpoint(three)
      await answerOf<void>(done => unfinished.write(Buffer.from('unfinished'), done))
      await close(log)

      const then = await recovered(place)
      t.strictSame(then.parts, ['an older', 'state'])
      t.strictSame(then.frames, ['three'])
      await checkpoint(then.log, then.last, ['a newer state'])
      t.equal(
        await answerOf<boolean>(done => then.log.removeOlder(done)),
        false,
        'only one was older',
      )
      t.strictSame(await fetched(then.log, [one]), ['one'], 'nothing was freed')
      await close(then.log)

      const last2 = await recovered(place)
      t.strictSame(last2.parts, ['a newer state'])
      t.strictSame(last2.frames, [])
      await close(last2.log)
    },
  )

  test(`${name} frees extents before its newest checkpoint, and no other`, { skip }, async t => {
    const place = make()
    const { log, last } = await recovered(place)
    const positions = await appendAll(log, LARGE, last)
    const numbers = log.extents().map(({ number }) => number)
    t.strictSame(numbers, [...new Set(positions.map(position => log.extentOf(position)))])
    t.equal(
      await answerOf<number>(done => log.truncate(numbers, done)),
      0,
      'there is no checkpoint',
    )

    await checkpoint(log, positions.at(-1) ?? 0, ['state'])
    const kept = numbers[1] ?? 0
    const unused = numbers.filter(number => number !== kept)
    const freed = await answerOf<number>(done => log.truncate(unused, done))
    t.equal(freed, numbers.length - 2, 'all but the kept one and the newest')
    const left = log.extents().map(({ number }) => number)
    t.strictSame(left, [kept, numbers.at(-1)])
    const needed = positions.filter(position => log.extentOf(position) === kept)
    t.ok(needed.length > 0)
    t.equal((await fetched(log, needed)).length, needed.length)
    const more = await append(log, 'more', positions.at(-1) ?? 0)
    await close(log)

    const then = await recovered(place)
    t.strictSame(then.frames, ['more'])
    t.equal(then.last, more.position)
    t.equal((await fetched(then.log, needed)).length, needed.length)
    await close(then.log)
  })

  test(`${name} frees its newest extent when that was ended`, { skip }, async t => {
    const { log, last } = await recovered(make())
    const { position } = await append(log, 'one', last)
    const number = log.extentOf(position)
    await answerOf<void>(done => log.endExtent(done))
    t.not(log.extents().at(-1)?.number, number)
    await checkpoint(log, position, [])

    t.equal(await answerOf<number>(done => log.truncate([number], done)), 1)
    await append(log, 'two', position)
    await close(log)
  })

  test(`${name} counts the bytes of frames, and of extents`, { skip }, async t => {
    const { log, last } = await recovered(make())
    const before = log.bytesAppended
    await appendAll(log, LARGE, last)
    const bytes = LARGE.reduce((sum, { length }) => sum + length, 0)
    t.ok(log.bytesAppended - before >= bytes)
    t.ok(log.extents().reduce((sum, extent) => sum + extent.bytes, 0) >= bytes)
    t.ok(log.extents().every(extent => extent.bytes <= 2 * log.extentBytes))
    t.equal(log.isHeld(), false)
    t.ok(log.freeBytes() > 0)
    await close(log)
  })

  test(`${name} tells what a callback throws`, { skip }, async t => {
    const place = make()
    const { log, last } = await recovered(place)
    const { position } = await append(log, 'one', last)
    const thrown = (): never => {
      throw log.damage(position, 'it makes no sense')
    }
    await t.rejects(
      answerOf<void>(done => log.fetch([position], thrown, done)),
      /it makes no sense/,
    )
    await close(log)

    const again = place()
    const from = await answerOf<Position>(done => again.open(() => {}, done))
    await t.rejects(
      answerOf<Position>(done => again.read(from, thrown, done)),
      /it makes no sense/,
    )
    await close(again)
  })
}
