import { test } from 'tap'
import { FilterTree } from '../../src/routing/filter-tree.ts'
import { bruteForceMatches, seededRandom, randomFilter, randomTopic } from './brute-force.ts'

function matchedBy(tree: FilterTree<{ readonly path: string }>, topic: string): string[] {
  return tree
    .match(topic)
    .map(value => value.path)
    .sort()
}

test('a tree finds every filter that matches and no other, while filters come and go', async t => {
  const random = seededRandom(1)
  const tree = new FilterTree<{ readonly path: string }>()
  const filters = new Set<string>()
  const different: string[] = []

  for (let step = 0; step < 40_000; step++) {
    const path = randomFilter(random)
    if (filters.size < 120 && random() < 0.6) {
      tree.add({ path })
      filters.add(path)
    } else if ((tree.remove(path) !== null) !== filters.delete(path)) {
      different.push(`remove ${path}`)
    }
    if ((tree.get(path) !== null) !== filters.has(path)) different.push(`get ${path}`)
    const topic = randomTopic(random)
    const expected = [...filters].filter(filter => bruteForceMatches(filter, topic)).sort()
    if (matchedBy(tree, topic).join() !== expected.join()) different.push(topic)
  }

  t.strictSame(different, [])
})

test('a value replaces the one with the same filter', async t => {
  for (const path of ['a/b', 'a/+', 'a/#', '#', '+']) {
    const tree = new FilterTree<{ readonly path: string; readonly name: string }>()
    tree.add({ path, name: 'old' })
    tree.add({ path: 'a/+/c', name: 'other' })
    tree.add({ path, name: 'new' })

    t.equal(tree.get(path)?.name, 'new')
    t.equal(tree.remove(path)?.name, 'new')
    t.equal(tree.get(path), null)
    t.equal(tree.remove(path), null)
    t.equal(tree.get('a/+/c')?.name, 'other')
  }
})

test('filters and topics of 65,536 levels are added, matched and removed', async t => {
  const tree = new FilterTree<{ readonly path: string }>()
  const topic = '/'.repeat(65_535)
  const deep = [`${topic}#`, `${topic}+`, `+${topic}`, topic]

  for (const path of deep) tree.add({ path })

  t.ok(matchedBy(tree, topic).join() === deep.toSorted().join())
  for (const path of deep) t.ok(tree.remove(path)?.path === path)
  t.strictSame(tree.match(topic), [])
})

test('10,000 filters of many + are matched by a look at each of them at most', async t => {
  const levels = 40
  const random = seededRandom(3)
  let looks = 0
  const counted = (path: string) => ({
    get path() {
      looks++
      return path
    },
  })
  const tree = new FilterTree<{ readonly path: string }>()
  const filters = new Set<string>()
  while (filters.size < 10_000) {
    const depth = 20 + Math.floor(random() * (levels - 20))
    const start = Array.from({ length: depth }, () => (random() < 0.5 ? '+' : 'a')).join('/')
    filters.add(random() < 0.5 ? `${start}/#` : `${start}${'/a'.repeat(levels - depth)}`)
  }
  for (const path of filters) tree.add(counted(path))
  looks = 0

  const found = tree.match(Array(levels).fill('a').join('/'))
  t.ok(looks <= 10_000, `${looks} looks`)

  t.equal(found.length, 10_000)
})
