// Places of an address before CONNECT: taken in order, given on, and lost to those that wait.

import { test } from 'tap'
import { StrangerPlaces, type PlacesClock } from '../../src/transport/stranger-places.ts'

class MovedClock implements PlacesClock {
  #now = 1_000_000
  #due: { at: number; act: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(milliseconds: number, act: () => void): void {
    this.#due.push({ at: this.#now + milliseconds, act })
  }

  get isIdle(): boolean {
    return this.#due.length === 0
  }

  /** Moves on step by step, as time does, or at once, as after a pause of the process. */
  moves(milliseconds: number, steps = 100): void {
    for (let step = 0; step < steps; step++) {
      this.#now += milliseconds / steps
      const due = this.#due.filter(({ at }) => at <= this.#now)
      this.#due = this.#due.filter(({ at }) => at > this.#now)
      for (const { act } of due) act()
    }
  }
}

function crowd(max: number) {
  const clock = new MovedClock()
  const places = new StrangerPlaces(max, clock)
  const served: string[] = []
  const closed: string[] = []
  const spoken = new Set<string>()
  const take = (name: string) => {
    const place = places.take('192.0.2.1', {
      goOn: () => served.push(name),
      giveWay: () => {
        closed.push(name)
        place.leave()
      },
      get hasSpoken() {
        return spoken.has(name)
      },
    })
    return place
  }
  return { clock, places, served, closed, spoken, take }
}

test('a place is taken in order, and given on by whoever has it', async t => {
  const { places, served, take } = crowd(2)
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(take)
  t.strictSame(served, ['a', 'b'])

  c?.leave()
  c?.leave()
  t.strictSame(served, ['a', 'b'], 'whoever leaves the line gives nothing on')
  a?.leave()
  t.strictSame(served, ['a', 'b', 'd'])
  a?.leave()
  b?.leave()
  d?.leave()
  t.strictSame(['e', 'f', 'g'].map(take).length, 3)
  t.strictSame(served, ['a', 'b', 'd', 'e', 'f'])
  t.equal(places.waits, 3)
})

test('who says nothing gives way after a second, who has begun after three, and only if others wait', async t => {
  const { clock, served, closed, spoken, take } = crowd(3)
  const [first] = ['a', 'b', 'c'].map(take)
  spoken.add('b')
  clock.moves(60_000)
  t.strictSame(closed, [], 'nobody waits')
  t.ok(clock.isIdle)
  first?.leave()

  take('d')
  for (const name of ['e', 'f', 'g']) take(name)
  clock.moves(500)
  t.strictSame(closed, ['b', 'c'], 'both have had their places for a minute')
  t.strictSame(served, ['a', 'b', 'c', 'd', 'e', 'f'])
  spoken.add('d')
  clock.moves(400)
  t.strictSame(closed, ['b', 'c'])
  clock.moves(900)
  t.strictSame(closed, ['b', 'c', 'e'], 'only g waited')
  t.strictSame(served.at(-1), 'g')
  clock.moves(60_000)
  t.strictSame(closed, ['b', 'c', 'e'], 'nobody waits')
  t.ok(clock.isIdle)

  for (const name of ['h', 'i', 'j']) spoken.add(name)
  const late = take('late')
  clock.moves(250)
  t.strictSame(closed, ['b', 'c', 'e', 'd'])
  late.leave()
})

test('the last of a thousand that say nothing waits for less than its time for CONNECT', async t => {
  const { clock, served, take } = crowd(100)
  for (let number = 0; number < 999; number++) take(`silent ${number}`)
  take('last')

  clock.moves(9_999, 1_000)

  t.equal(served.at(-1), 'last')
})

test('after a pause of the process sockets are read before anybody is judged', async t => {
  const { clock, closed, spoken, take } = crowd(1)
  take('a')
  take('b')

  clock.moves(2_000, 1)
  t.strictSame(closed, [])
  spoken.add('a')
  clock.moves(250, 1)
  t.strictSame(closed, [])
  clock.moves(1_000)
  t.strictSame(closed, ['a'])
})
