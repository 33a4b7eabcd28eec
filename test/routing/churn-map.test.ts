import { test } from 'tap'
import { ChurnMap } from '../../src/routing/churn-map.ts'
import { seededRandom } from './brute-force.ts'

test('it answers as a Map does, whatever is added and removed', async t => {
  const random = seededRandom(8)
  const map = new ChurnMap<string, { readonly step: number }>()
  const model = new Map<string, { readonly step: number }>()
  let wrong = 0

  for (let step = 0; step < 50_000; step++) {
    const key = `key ${Math.floor(random() * 400)}`
    const value = { step }
    if (random() < 0.5) {
      map.set(key, value)
      model.set(key, value)
    } else if (map.delete(key) !== model.delete(key)) wrong++
    if (map.get(key) !== (model.get(key) ?? null)) wrong++
    if (map.has(key) !== model.has(key)) wrong++
    if (map.size !== model.size) wrong++
  }

  t.equal(wrong, 0)
  const values = new Set([...map.values()].filter(value => value !== null))
  t.strictSame(values, new Set(model.values()))
})

test('keys that went for good are given up', async t => {
  const map = new ChurnMap<number, object>()
  for (let key = 0; key < 10_000; key++) map.set(key, {})

  for (let key = 0; key < 10_000; key++) map.delete(key)

  t.equal(map.size, 0)
  t.ok([...map.values()].length <= 64)
})

test('a key that goes and comes back does not give up its entry every time', async t => {
  const map = new ChurnMap<string, { readonly name: string }>()
  for (const name of ['a', 'b', 'c']) map.set(name, { name })

  for (let round = 0; round < 1000; round++) {
    map.delete('a')
    map.set('a', { name: 'a' })
  }

  // A Map puts what was deleted and set again at its end.
  t.strictSame(
    [...map.values()].map(value => value?.name),
    ['a', 'b', 'c'],
  )
})
