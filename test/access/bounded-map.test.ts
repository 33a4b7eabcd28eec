// A map that drops its oldest entry for a new one.

import { test } from 'tap'
import { BoundedMap } from '../../src/access/bounded-map.ts'

test('a new entry of a full map takes the place of the one that was set longest ago', async t => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)

  map.set('c', 3)

  t.strictSame([map.get('a'), map.get('b'), map.get('c')], [undefined, 2, 3])
  t.strictSame([map.size, map.dropped], [2, 1])
})

test('an entry that is set again is the newest, and drops nothing', async t => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)

  map.set('a', 4)
  t.strictSame([map.size, map.dropped], [2, 0])
  map.set('c', 3)

  t.strictSame([map.get('a'), map.get('b'), map.get('c')], [4, undefined, 3])
})

test('an entry that was deleted leaves room, and is not counted as dropped', async t => {
  const map = new BoundedMap<string, number>(1)
  map.set('a', 1)

  t.ok(map.delete('a'))
  t.notOk(map.delete('a'))
  map.set('b', 2)

  t.strictSame([map.size, map.dropped, map.get('b')], [1, 0, 2])
})

test('a map with no room keeps nothing', async t => {
  const map = new BoundedMap<string, number>(0)

  map.set('a', 1)

  t.strictSame([map.size, map.dropped, map.get('a')], [0, 1, undefined])
})
