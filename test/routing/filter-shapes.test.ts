// The bound of a search: it comes by no more nodes than there are shapes, and one for each level of the topic.

import { test } from 'tap'
import { FilterShapes } from '../../src/routing/filter-shapes.ts'
import { FilterTree } from '../../src/routing/filter-tree.ts'
import { levelCount } from '../../src/routing/topic.ts'
import { seededRandom, pick } from './brute-force.ts'

/** The beginnings of the filters in which there is a `+`, told by nothing but that, found in the plainest way. */
function bruteForceShapes(filters: Iterable<string>): Set<string> {
  const shapes = new Set<string>()
  for (const filter of filters) {
    const marks = filter
      .split('/')
      .filter(level => level !== '#')
      .map(level => (level === '+' ? '+' : '.'))
    for (let end = 1; end <= marks.length; end++) {
      const shape = marks.slice(0, end).join('')
      if (shape.includes('+')) shapes.add(shape)
    }
  }
  return shapes
}

function nodesVisited(tree: FilterTree<{ readonly path: string }>, topic: string): number {
  const before = tree.nodes
  tree.match(topic)
  return tree.nodes - before
}

function randomDeepFilter(random: () => number): string {
  const count = 1 + Math.floor(random() * 9)
  const text = Array.from({ length: count }, () => pick(['a', 'a', 'b', '+', '+'], random)).join(
    '/',
  )
  return random() < 0.3 ? `${text}/#` : text
}

test('shapes are counted while filters are added and removed, each as long as a filter has it', async t => {
  const random = seededRandom(7)
  const shapes = new FilterShapes()
  const filters = new Set<string>()
  const different: string[] = []

  for (let step = 0; step < 6_000; step++) {
    const filter = randomDeepFilter(random)
    const expected = bruteForceShapes([...filters, filter]).size - bruteForceShapes(filters).size
    if (shapes.newIn(filter) !== expected) different.push(`new in ${filter}`)
    if (filters.has(filter)) {
      filters.delete(filter)
      shapes.remove(filter)
    } else if (filters.size < 12) {
      filters.add(filter)
      shapes.add(filter, null)
    }
    if (shapes.count !== bruteForceShapes(filters).size) different.push(filter)
  }

  t.strictSame(different, [])
})

test('a search visits at most one node for each shape and one for each level of the topic', async t => {
  const random = seededRandom(11)
  const tooMany: string[] = []
  let most = 0

  for (let round = 0; round < 300; round++) {
    const tree = new FilterTree<{ readonly path: string }>()
    const shapes = new FilterShapes()
    const filters = new Set<string>()
    const wanted = 1 + Math.floor(random() * 1_500)
    for (let count = 0; count < wanted; count++) filters.add(randomDeepFilter(random))
    for (const path of filters) {
      tree.add({ path })
      shapes.add(path, null)
    }
    // Some of them go again: the tree must be bounded as it is then.
    for (const path of [...filters].filter(() => random() < 0.5)) {
      tree.remove(path)
      shapes.remove(path)
    }
    for (const topic of ['a', 'a/a/a', 'a/a/a/a/a/a/a/a/a', 'b/a/b/a', 'a/b/b/a/a/b']) {
      const visited = nodesVisited(tree, topic)
      most = Math.max(most, visited)
      if (visited > shapes.count + levelCount(topic) + 1) tooMany.push(`${topic}: ${visited}`)
    }
  }

  t.strictSame(tooMany, [])
  t.ok(most > 100, `${most} nodes were the most`)
})

test('a million filters of few shapes are a normal thing', async t => {
  const shapes = new FilterShapes()

  for (let site = 0; site < 250_000; site++) {
    shapes.add(`site/${site}/+/temperature`, `site ${site}`)
    shapes.add(`site/${site}/#`, `site ${site}`)
    shapes.add(`site/${site}/state`, `site ${site}`)
    shapes.add(`+/${site}/state`, `site ${site}`)
  }

  t.equal(shapes.count, bruteForceShapes(['site/0/+/temperature', '+/0/state']).size)
})

test('a shape counts for the client that added it until no filter has it', async t => {
  const shapes = new FilterShapes()
  shapes.add('+/a', 'alice')
  shapes.add('+/b', 'bob')
  shapes.add('+/b/c', 'bob')

  t.strictSame([shapes.countedFor('alice'), shapes.countedFor('bob')], [2, 1])
  shapes.remove('+/a')
  t.strictSame([shapes.countedFor('alice'), shapes.countedFor('bob')], [2, 1])
  shapes.remove('+/b')
  shapes.remove('+/b/c')
  t.strictSame([shapes.countedFor('alice'), shapes.countedFor('bob'), shapes.count], [0, 0, 0])
})

test('a search among filters of an attacker costs at most what the number of shapes allows', async t => {
  const steps: number[] = []
  for (const clients of [1, 4, 16]) {
    const tree = new FilterTree<{ readonly path: string }>()
    const shapes = new FilterShapes()
    for (let client = 0; client < clients; client++) {
      for (let mask = 0; mask < 1_024; mask++) {
        const levels = Array.from({ length: 16 }, (_, level) =>
          (((mask * 61 + client * 7_919) >> level) & 1) === 1 ? '+' : 'a',
        )
        const path = `${levels.join('/')}/z`
        if (shapes.count + shapes.newIn(path) > 1_024 || tree.get(path) !== null) continue
        tree.add({ path })
        shapes.add(path, null)
      }
    }
    tree.match(`${'a/'.repeat(16)}y`)
    steps.push(tree.steps)
  }

  t.ok(Math.max(...steps) <= 3 * (1_024 + 18), steps.join())
})
