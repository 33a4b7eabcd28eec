import { test } from 'tap'
import { type Match, Router, withoutNoLocal } from '../../src/routing/router.ts'
import type { Subscription } from '../../src/routing/subscription.ts'
import { bruteForceMatches, seededRandom, pick, randomFilter, randomTopic } from './brute-force.ts'

function subscription(topicFilter: string, options: Partial<Subscription> = {}): Subscription {
  return {
    filter: topicFilter,
    topicFilter,
    shareName: null,
    qos: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: 0,
    ...options,
  }
}

function targets(matches: readonly Match<string>[]): string[] {
  return matches.map(match => match.target).sort()
}

test('a topic reaches every target whose filter matches, once', async t => {
  const router = new Router<string>()
  router.subscribe('alice', subscription('pond/depth'))
  router.subscribe('alice', subscription('pond/+'))
  router.subscribe('bob', subscription('pond/#'))
  router.subscribe('carol', subscription('+/depth'))
  router.subscribe('dave', subscription('pond/depth/mean'))

  const matches = router.match('pond/depth')

  t.strictSame(targets(matches), ['alice', 'bob', 'carol'])
  t.equal(router.subscriptionCount, 5)
})

test('overlapping subscriptions become one match with the highest QoS [MQTT-3.3.4-2]', async t => {
  const router = new Router<string>()
  const exact = subscription('a/b', { qos: 1, identifier: 9 })
  const single = subscription('a/+', { qos: 2, retainAsPublished: true, identifier: 4 })
  const multi = subscription('a/#', { noLocal: true })
  const again = subscription('#', { identifier: 4 })
  for (const each of [exact, single, multi, again]) router.subscribe('alice', each)

  const [match, ...others] = router.match('a/b')

  t.strictSame(others, [])
  t.equal(match?.qos, 2)
  t.equal(match?.retainAsPublished, true)
  t.equal(match?.noLocal, true)
  t.strictSame(match?.identifiers, [4, 4, 9])
  t.strictSame(new Set(match?.subscriptions), new Set([exact, single, multi, again]))
})

test('a subscription with the same filter replaces the one before [MQTT-3.8.4-3]', async t => {
  for (const filter of ['a/b', 'a/+', '#']) {
    for (const neighbours of [0, 1, 2]) {
      const router = new Router<string>()
      for (let index = 0; index < neighbours; index++) {
        router.subscribe(`neighbour ${index}`, subscription(filter))
      }

      t.equal(router.subscribe('alice', subscription(filter, { qos: 1 })), true)
      router.match('a/b')
      t.equal(router.subscribe('alice', subscription(filter, { qos: 2, identifier: 7 })), false)

      const match = router.match('a/b').find(each => each.target === 'alice')
      t.equal(match?.qos, 2)
      t.strictSame(match?.identifiers, [7])
      t.equal(router.subscriptionCount, neighbours + 1)
    }
  }
})

test('a target that unsubscribes is not matched any more, and its neighbours still are', async t => {
  const router = new Router<string>()
  for (const target of ['alice', 'bob', 'carol']) router.subscribe(target, subscription('a/+'))
  t.strictSame(targets(router.match('a/b')), ['alice', 'bob', 'carol'])

  t.equal(router.unsubscribe('bob', 'a/+'), true)
  t.strictSame(targets(router.match('a/b')), ['alice', 'carol'])
  t.equal(router.unsubscribe('bob', 'a/+'), false)
  t.equal(router.unsubscribe('alice', 'a/#'), false)
  t.equal(router.unsubscribe('alice', 'a/+'), true)
  t.strictSame(targets(router.match('a/b')), ['carol'])
  t.equal(router.unsubscribe('carol', 'a/+'), true)

  t.strictSame(router.match('a/b'), [])
  t.equal(router.subscriptionCount, 0)
})

test('a result that is held while subscriptions change stays as it was', async t => {
  const router = new Router<string>()
  for (const target of ['alice', 'bob', 'carol']) router.subscribe(target, subscription('a/+'))
  const held = router.match('a/b')
  const copy = [...held]

  router.unsubscribe('alice', 'a/+')
  router.subscribe('bob', subscription('a/+', { qos: 2 }))
  router.subscribe('dave', subscription('a/b'))

  t.strictSame(held, copy)
  t.strictSame(targets(router.match('a/b')), ['bob', 'carol', 'dave'])
})

test('a topic that is searched again gets the same result until a filter changes', async t => {
  const router = new Router<string>()
  router.subscribe('alice', subscription('a/b'))
  router.subscribe('bob', subscription('a/+'))

  const first = router.match('a/b')
  t.equal(router.match('a/b'), first)
  router.subscribe('carol', subscription('a/#'))

  t.ok(router.match('a/b') !== first)
})

test('the publisher itself gets nothing from its no-local subscriptions [MQTT-3.8.3-3]', async t => {
  const router = new Router<string>()
  const local = subscription('a/#', { qos: 2, noLocal: true, identifier: 2 })
  router.subscribe('alice', local)
  const [alone] = router.match('a/b')
  router.subscribe('alice', subscription('a/b', { qos: 1, identifier: 3 }))
  const [both] = router.match('a/b')
  router.unsubscribe('alice', 'a/#')
  const [plain] = router.match('a/b')
  if (alone === undefined || both === undefined || plain === undefined) throw new Error('no match')

  t.equal(withoutNoLocal(alone), null)
  const rest = withoutNoLocal(both)
  t.equal(rest?.qos, 1)
  t.equal(rest?.noLocal, false)
  t.strictSame(rest?.identifiers, [3])
  t.equal(withoutNoLocal(plain), plain)
})

test('names of object properties are targets and levels like others', async t => {
  const router = new Router<string>()
  router.subscribe('__proto__', subscription('__proto__/constructor'))
  router.subscribe('constructor', subscription('__proto__/+'))
  router.subscribe('toString', subscription('constructor/#'))

  t.strictSame(targets(router.match('__proto__/constructor')), ['__proto__', 'constructor'])
  t.strictSame(targets(router.match('constructor')), ['toString'])
  t.strictSame(router.match('toString'), [])
})

test('100,000 targets of one filter share a result for all topics that only it matches', async t => {
  const router = new Router<number>()
  for (let target = 0; target < 100_000; target++) router.subscribe(target, subscription('t/#'))

  t.equal(router.match('t/1').length, 100_000)
  t.equal(router.match('t/2'), router.match('t/1'))
})

test('under random churn the router answers as a brute-force list of subscriptions does', async t => {
  for (const cachedTopicsMax of [4, 4096]) {
    const random = seededRandom(cachedTopicsMax)
    const router = new Router<number>(cachedTopicsMax)
    const list = new Map<string, readonly [target: number, subscription: Subscription]>()
    const different: unknown[] = []

    for (let step = 0; step < 15_000; step++) {
      const filter = randomFilter(random)
      const target = Math.floor(random() * 30)
      const key = `${target} ${filter}`
      if (random() < 0.55) {
        const added = subscription(filter, {
          qos: pick([0, 1, 2], random),
          identifier: Math.floor(random() * 5),
          noLocal: random() < 0.2,
          retainAsPublished: random() < 0.2,
        })
        if (router.subscribe(target, added) === list.has(key)) different.push(['subscribe', key])
        list.set(key, [target, added])
      } else {
        if (router.unsubscribe(target, filter) !== list.delete(key))
          different.push(['unsubscribe', key])
        // Keeps the list short enough that a filter often has no target.
        for (const [oldKey, [oldTarget, old]] of list) {
          if (list.size < 150) break
          router.unsubscribe(oldTarget, old.topicFilter)
          list.delete(oldKey)
        }
      }
      const topic = randomTopic(random)
      const answer = outline(router.match(topic))
      const expected = outlineOfList([...list.values()], topic)
      if (answer !== expected) different.push([topic, answer, expected])
    }

    t.strictSame(different, [])
    t.equal(router.subscriptionCount, list.size)
  }
})

function outline(matches: readonly Match<number>[]): string {
  const lines = matches.map(match => {
    const filters = match.subscriptions.map(each => each.topicFilter).sort()
    const { target, qos, noLocal, retainAsPublished, identifiers } = match
    return JSON.stringify([target, qos, noLocal, retainAsPublished, identifiers, filters])
  })
  return lines.sort().join('\n')
}

function outlineOfList(
  list: readonly (readonly [target: number, subscription: Subscription])[],
  topic: string,
): string {
  const byTarget = new Map<number, Subscription[]>()
  for (const [target, each] of list) {
    if (!bruteForceMatches(each.topicFilter, topic)) continue
    byTarget.set(target, [...(byTarget.get(target) ?? []), each])
  }
  const lines = [...byTarget].map(([target, subscriptions]) =>
    JSON.stringify([
      target,
      Math.max(...subscriptions.map(each => each.qos)),
      subscriptions.some(each => each.noLocal),
      subscriptions.some(each => each.retainAsPublished),
      subscriptions
        .map(each => each.identifier)
        .filter(identifier => identifier !== 0)
        .sort((first, second) => first - second),
      subscriptions.map(each => each.topicFilter).sort(),
    ]),
  )
  return lines.sort().join('\n')
}

test('a thousand overlapping subscriptions of each target are merged in one pass', async t => {
  const router = new Router<string>(0)
  const levels = 10
  for (let mask = 0; mask < 1_000; mask++) {
    const filter = Array.from({ length: levels }, (_, level) => ((mask >> level) & 1 ? '+' : 'a'))
    for (const target of ['alice', 'bob']) {
      router.subscribe(target, subscription(filter.join('/'), { identifier: 1_000 - mask }))
    }
  }
  let sorted = 0
  const { sort } = Array.prototype
  Array.prototype.sort = function (compare) {
    sorted += this.length
    return sort.call(this, compare)
  }

  const matches = router.match(Array(levels).fill('a').join('/'))
  Array.prototype.sort = sort

  t.strictSame(targets(matches), ['alice', 'bob'])
  t.equal(sorted, 2_000, 'each identifier is sorted once')
  for (const { identifiers, subscriptions } of matches) {
    t.strictSame(
      identifiers,
      Array.from({ length: 1_000 }, (_, index) => index + 1),
    )
    t.equal(new Set(subscriptions).size, 1_000)
  }
  t.ok(router.steps >= 2_000, 'what was merged is counted')
})
