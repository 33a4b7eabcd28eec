import { test } from 'tap'
import { LevelNode, LevelTree } from '../../src/routing/level-tree.ts'
import { seededRandom, randomFilter } from './brute-force.ts'

function treeOf(...paths: string[]): LevelTree<{ readonly path: string }> {
  const tree = new LevelTree<{ readonly path: string }>()
  for (const path of paths) tree.add({ path })
  return tree
}

/** The nodes below a node, itself included. */
function nodeCount(node: LevelNode<{ readonly path: string }>): number {
  const inside = [node.firstChild, node.plus, node.all, ...(node.otherChildren?.values() ?? [])]
  let count = 1
  for (const child of inside) if (child instanceof LevelNode) count += nodeCount(child)
  return count
}

test('a path that shares no level with another needs no node, however many levels it has', async t => {
  t.equal(nodeCount(treeOf('a/b/c/d/e/f').root), 1)
  t.equal(nodeCount(treeOf('a/b', 'b/b', '+/b', '#').root), 1)
  t.equal(nodeCount(treeOf('a/b', 'a/c', 'a').root), 2)
})

test('a tree whose paths are removed is as small as one that never held them', async t => {
  const random = seededRandom(5)
  const tree = treeOf('a/+/c', 'b')
  const paths = new Set<string>()
  for (let index = 0; index < 500; index++) paths.add(randomFilter(random))
  paths.delete('a/+/c')
  paths.delete('b')

  for (const path of paths) tree.add({ path })
  t.ok(nodeCount(tree.root) > 20)
  for (const path of paths) t.equal(tree.remove(path)?.path, path)

  t.equal(nodeCount(tree.root), 1)
  t.equal(tree.root.entryCount, 2)
  t.equal(tree.get('a/+/c')?.path, 'a/+/c')
  t.equal(tree.get('b')?.path, 'b')
})

test('a path that is not there is neither found nor removed', async t => {
  const tree = treeOf('a/b/c', 'a/b/d', 'x')

  for (const path of ['a', 'a/b', 'a/b/c/d', 'a/b/e', 'x/y', 'b', 'a/b/', '+', '#']) {
    t.equal(tree.get(path), null, path)
    t.equal(tree.remove(path), null, path)
  }

  t.equal(tree.root.entryCount, 2)
})

test('levels with names of object properties are levels like others', async t => {
  const tree = treeOf('__proto__/a', '__proto__/constructor', 'constructor/a')

  t.equal(tree.get('__proto__/constructor')?.path, '__proto__/constructor')
  t.equal(tree.get('toString/a'), null)
  t.equal(tree.get('__proto__'), null)
})
