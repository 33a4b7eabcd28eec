import { test } from 'tap'
import type { Message } from '../../src/message.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import {
  createStrategy,
  isShareStrategyName,
  SHARE_STRATEGY_NAMES,
  type ShareMember,
  type ShareStrategy,
} from '../../src/routing/share-strategy.ts'
import { seededRandom, pick } from './brute-force.ts'

interface Member extends ShareMember {
  inFlight: number
}

function member(clientId: string, weight = 1): Member {
  return { clientId, weight, inFlight: 0 }
}

function members(...clientIds: string[]): Member[] {
  return clientIds.map(clientId => member(clientId))
}

function message(topic = 'a', publisher: string | null = null): Message {
  return {
    topic,
    payload: Buffer.alloc(0),
    qos: 1,
    retain: false,
    properties: NO_PROPERTIES,
    publisher,
    expiresAt: Infinity,
    sequence: 1,
  }
}

function ready(strategy: ShareStrategy<Member>, list: readonly Member[]): ShareStrategy<Member> {
  for (const each of list) strategy.join(each)
  for (const each of list) strategy.add(each)
  return strategy
}

function choices(strategy: ShareStrategy<Member>, count: number): string {
  return Array.from({ length: count }, () => strategy.next(message())?.clientId ?? '-').join('')
}

function shares(strategy: ShareStrategy<Member>, count: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let index = 0; index < count; index++) {
    const clientId = strategy.next(message())?.clientId ?? '-'
    counts.set(clientId, (counts.get(clientId) ?? 0) + 1)
  }
  return counts
}

test('a strategy is known by its name', async t => {
  for (const name of SHARE_STRATEGY_NAMES) t.equal(isShareStrategyName(name), true)
  for (const name of ['', 'fair', '__proto__', 'toString'])
    t.equal(isShareStrategyName(name), false)
})

test('whatever the strategy, only a member that is ready is chosen', async t => {
  for (const name of SHARE_STRATEGY_NAMES) {
    const random = seededRandom(4)
    const strategy = createStrategy<Member>(name, random)
    const list = members('a', 'b', '__proto__', 'constructor', 'e')
    const readyOnes = new Set<Member>()
    const joined = new Set<Member>()
    const wrong: string[] = []
    t.equal(strategy.next(message()), null)

    for (let step = 0; step < 5000; step++) {
      const each = pick(list, random)
      const roll = random()
      if (!joined.has(each)) {
        strategy.join(each)
        joined.add(each)
      } else if (roll < 0.4) {
        strategy.add(each)
        readyOnes.add(each)
      } else if (roll < 0.8) {
        strategy.remove(each)
        readyOnes.delete(each)
      } else if (roll < 0.85) {
        strategy.leave(each)
        joined.delete(each)
        readyOnes.delete(each)
      } else {
        each.inFlight = Math.floor(random() * 4)
        strategy.settled(each)
      }
      const published = message(`t/${step % 7}`, `p${step % 5}`)
      const owner = strategy.ownerOf(published)
      const chosen = strategy.next(published)
      if (chosen !== null && !readyOnes.has(chosen)) wrong.push(`${step} not ready`)
      if (owner !== null && !joined.has(owner)) wrong.push(`${step} owner left`)
      if (owner !== null && chosen !== owner && chosen !== null) wrong.push(`${step} not the owner`)
      if (owner === null && chosen === null && readyOnes.size > 0) wrong.push(`${step} nobody`)
    }

    t.strictSame(wrong, [], name)
  }
})

test('round-robin goes from member to member in turn', async t => {
  const strategy = ready(createStrategy('round-robin', seededRandom(1)), members('a', 'b', 'c'))

  t.equal(choices(strategy, 7), 'abcabca')
})

test('round-robin neither favours nor starves a member that is full after every message', async t => {
  const strategy = createStrategy<Member>('round-robin', seededRandom(1))
  const list = members('a', 'b', 'c')
  const counts = new Map<string, number>()
  ready(strategy, list)

  for (let index = 0; index < 9000; index++) {
    const chosen = strategy.next(message())
    if (chosen === null) throw new Error('nobody was chosen')
    counts.set(chosen.clientId, (counts.get(chosen.clientId) ?? 0) + 1)
    strategy.remove(chosen)
    strategy.add(chosen)
  }

  t.strictSame([...counts.values()], [3000, 3000, 3000])
})

test('round-robin gives a member its turn though it goes and comes back before every one', async t => {
  const strategy = createStrategy<Member>('round-robin', seededRandom(1))
  const [restless, ...others] = [member('r'), ...members('a', 'b', 'c')]
  ready(strategy, [restless, ...others])
  let chosen = ''

  for (let index = 0; index < 12; index++) {
    strategy.remove(restless)
    strategy.add(restless)
    chosen += strategy.next(message())?.clientId
  }

  t.equal(chosen, 'rabcrabcrabc')
})

test('round-robin gives no burst to a member that was away', async t => {
  const strategy = createStrategy<Member>('round-robin', seededRandom(1))
  const [away, ...others] = [member('w'), ...members('a', 'b')]
  ready(strategy, [away, ...others])

  strategy.remove(away)
  choices(strategy, 100)
  strategy.add(away)

  t.equal(choices(strategy, 6).replaceAll('w', '').length, 4)
})

test('random spreads the messages evenly', async t => {
  const strategy = ready(createStrategy('random', seededRandom(6)), members('a', 'b', 'c', 'd'))

  for (const count of shares(strategy, 10_000).values()) {
    t.ok(count > 2300 && count < 2700, `${count} of 10,000`)
  }
})

test('weighted gives 3 to 1 within 2 % and mixes them smoothly', async t => {
  const strategy = createStrategy<Member>('weighted', seededRandom(1))
  ready(strategy, [member('a', 3), member('b')])

  const sequence = choices(strategy, 10_000)
  const ofA = sequence.replaceAll('b', '').length

  t.ok(Math.abs(ofA - 7500) <= 150, `${ofA} of 10,000`)
  t.ok(!sequence.includes('bb'))
  t.ok(!sequence.includes('aaaaa'))
})

test('weighted keeps its weights when members are full after every message', async t => {
  const strategy = createStrategy<Member>('weighted', seededRandom(1))
  const counts = new Map<string, number>()
  ready(strategy, [member('a', 3), member('b'), member('c', 6)])

  for (let index = 0; index < 10_000; index++) {
    const chosen = strategy.next(message())
    if (chosen === null) throw new Error('nobody was chosen')
    counts.set(chosen.clientId, (counts.get(chosen.clientId) ?? 0) + 1)
    strategy.remove(chosen)
    strategy.add(chosen)
  }

  for (const [clientId, share] of Object.entries({ a: 3000, b: 1000, c: 6000 })) {
    const count = counts.get(clientId) ?? 0
    t.ok(Math.abs(count - share) <= share * 0.02, `${clientId} has ${count}`)
  }
})

test('weighted gives no burst to a member that was away', async t => {
  const strategy = createStrategy<Member>('weighted', seededRandom(1))
  const away = member('w')
  ready(strategy, [away, member('a'), member('b')])

  strategy.remove(away)
  choices(strategy, 1000)
  strategy.add(away)

  t.equal(choices(strategy, 9).replaceAll('w', '').length, 6)
})

test('weighted begins anew with a member that joins late', async t => {
  const strategy = createStrategy<Member>('weighted', seededRandom(1))
  ready(strategy, [member('a')])
  choices(strategy, 1000)

  ready(strategy, [member('b')])

  const sequence = choices(strategy, 10)
  t.equal(sequence.replaceAll('a', '').length, 5)
})

test('sticky stays with one member until it is removed, and then with another', async t => {
  const strategy = createStrategy<Member>('sticky', seededRandom(1))
  const [first, second] = [member('a'), member('b')]
  ready(strategy, [first, second])

  t.equal(choices(strategy, 3), 'aaa')
  strategy.remove(first)
  t.equal(choices(strategy, 2), 'bb')
  strategy.add(first)
  t.equal(choices(strategy, 2), 'bb')
  strategy.leave(second)

  t.equal(choices(strategy, 1), 'a')
})

test('hash-client and hash-topic keep a key with one member, and wait while it is not ready', async t => {
  const keyed = [
    ['hash-client', message('any', 'sensor-7'), message('other', 'sensor-7')],
    ['hash-topic', message('pond/7', 'any'), message('pond/7', null)],
  ] as const
  for (const [name, one, other] of keyed) {
    const strategy = createStrategy<Member>(name, seededRandom(1))
    const list = members('a', 'b', 'c', 'd')
    ready(strategy, list)
    const owner = strategy.next(one)
    if (owner === null) throw new Error('nobody was chosen')

    t.equal(strategy.next(other), owner)
    strategy.remove(owner)
    t.equal(strategy.next(other), null)
    t.equal(strategy.ownerOf(other), owner)
    strategy.leave(owner)
    t.ok(strategy.next(other) !== null && strategy.next(other) !== owner)
    strategy.join(owner)
    t.equal(strategy.next(other), null)
    strategy.add(owner)

    t.equal(strategy.next(other), owner)
  }
})

test('hash-client sends messages of the broker itself to one member', async t => {
  const strategy = ready(createStrategy('hash-client', seededRandom(1)), members('a', 'b', 'c'))

  t.ok(strategy.next(message('a', null)) !== null)
  t.equal(strategy.next(message('a', null)), strategy.next(message('b', null)))
})

test('least-in-flight chooses who has least to do, and takes turns among equals', async t => {
  const strategy = createStrategy<Member>('least-in-flight', seededRandom(1))
  const [busy, idle, other] = [member('a'), member('b'), member('c')]
  busy.inFlight = 5
  ready(strategy, [busy, idle, other])

  t.equal(choices(strategy, 4), 'bcbc')
  idle.inFlight = 3
  strategy.settled(idle)
  t.equal(choices(strategy, 2), 'cc')
  busy.inFlight = 0
  strategy.settled(busy)

  t.equal(choices(strategy, 4), 'acac')
})

test('least-in-flight sees that the member it chose has more to do, without being told', async t => {
  const strategy = createStrategy<Member>('least-in-flight', seededRandom(1))
  const list = members('a', 'b', 'c')
  ready(strategy, list)

  for (let index = 0; index < 30; index++) {
    const chosen = strategy.next(message())
    if (chosen !== null) chosen.inFlight++
  }

  t.strictSame(
    list.map(each => each.inFlight),
    [10, 10, 10],
  )
})

test('a choice among 10,000 members asks for the weight or the load of a few', async t => {
  for (const name of ['weighted', 'least-in-flight', 'round-robin'] as const) {
    let looks = 0
    const strategy = createStrategy<ShareMember>(name, seededRandom(1))
    for (let index = 0; index < 10_000; index++) {
      const counted = {
        clientId: `c${index}`,
        get weight() {
          looks++
          return 1 + (index % 5)
        },
        get inFlight() {
          looks++
          return index % 9
        },
      }
      strategy.join(counted)
      strategy.add(counted)
    }
    looks = 0

    for (let index = 0; index < 1000; index++) {
      const chosen = strategy.next(message())
      if (chosen === null) throw new Error('nobody was chosen')
      strategy.remove(chosen)
      strategy.add(chosen)
      strategy.settled(chosen)
    }

    t.ok(looks <= 4000, `${name}: ${looks} looks in 1,000 rounds`)
  }
})
