import { test } from 'tap'
import { RouteCache } from '../../src/routing/route-cache.ts'

function cacheWith(topics: readonly string[]): RouteCache<readonly string[]> {
  const cache = new RouteCache<readonly string[]>(100)
  for (const topic of topics) cache.set(topic, [topic])
  return cache
}

const TOPICS = ['a', 'a/b', 'a/b/c', 'a/b/c/d', 'x/b', '/', '$SYS/a']

const INVALIDATIONS: readonly (readonly [filter: string, stale: readonly string[]])[] = [
  ['a/b', ['a/b']],
  ['y', []],
  ['a/b/c/d', ['a/b/c/d']],
  ['#', TOPICS],
  ['+/b', TOPICS],
  ['a/#', ['a', 'a/b', 'a/b/c', 'a/b/c/d']],
  ['a/b/+', ['a/b', 'a/b/c', 'a/b/c/d']],
  ['a/b/c/#', ['a/b/c', 'a/b/c/d']],
  ['a/b/x/#', []],
  ['x/+', ['x/b']],
  ['/+', ['/']],
  ['$SYS/#', ['$SYS/a']],
]

test('a change of a filter discards cached results with its first levels, and no others', async t => {
  for (const [filter, stale] of INVALIDATIONS) {
    const cache = cacheWith(TOPICS)

    cache.invalidate(filter)

    const gone = TOPICS.filter(topic => cache.get(topic) === null)
    t.strictSame(gone, stale, filter)
  }
})

test('a topic that is searched again and again stays in the cache, however many others are searched', async t => {
  const cache = new RouteCache<readonly string[]>(10)
  const result = ['target']
  cache.set('hot', result)

  for (let index = 0; index < 1000; index++) {
    cache.set(`cold/${index}`, [])
    t.equal(cache.get('hot'), result)
  }

  t.equal(cache.get('cold/0'), null)
})

test('a cache of no topics keeps nothing', async t => {
  const cache = new RouteCache<readonly string[]>(0)

  cache.set('a', ['target'])

  t.equal(cache.get('a'), null)
})

test('large results are kept for few topics only', async t => {
  const cache = new RouteCache<readonly string[]>(4096)
  const large = Array.from({ length: 30_000 }, () => 'target')
  const topics = Array.from({ length: 40 }, (_, index) => `t/${index}`)

  for (const topic of topics) cache.set(topic, large)
  cache.set(
    'huge',
    Array.from({ length: 100_000 }, () => 'target'),
  )

  t.equal(topics.filter(topic => cache.get(topic) !== null).length <= 4, true)
  t.equal(cache.get('huge'), null)
})

test('topics that come one after the other are soon kept by samples only, until they come again', async t => {
  const cache = new RouteCache<readonly string[]>(100)
  const ask = (topic: string) => {
    const known = cache.get(topic) !== null
    if (!known) cache.set(topic, [])
    return known
  }
  for (let index = 0; index < 1000; index++) ask(`once/${index}`)
  const keptOfOnce = Array.from({ length: 1000 }, (_, index) => `once/${index}`).filter(
    topic => cache.get(topic) !== null,
  )

  t.ok(keptOfOnce.length <= 100, `${keptOfOnce.length} kept`)
  for (let round = 0; round < 60; round++) {
    for (let index = 0; index < 30; index++) ask(`often/${index}`)
  }

  for (let index = 0; index < 30; index++) t.equal(ask(`often/${index}`), true)
})

test('the cache keeps about a million characters of topics at most', async t => {
  const cache = new RouteCache<readonly string[]>(4_096)
  const topics = Array.from({ length: 200 }, (_, index) => `${index}/${'y'.repeat(65_000)}`)

  for (const topic of topics) {
    cache.set(topic, ['target'])
    cache.get(topic)
  }

  const kept = topics.filter(topic => cache.get(topic) !== null)
  t.ok(kept.length > 0)
  t.ok(kept.length <= 17, `${kept.length} topics`)
})
