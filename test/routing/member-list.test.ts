import { test } from 'tap'
import { MemberList } from '../../src/routing/member-list.ts'

test('members are in the list once, at places without gaps', async t => {
  const list = new MemberList<string>()
  for (const member of ['a', 'b', 'c', 'd', 'b']) list.add(member)

  list.remove('b')
  list.remove('b')
  list.remove('nobody')

  t.equal(list.count, 3)
  t.strictSame(new Set([0, 1, 2].map(place => list.at(place))), new Set(['a', 'c', 'd']))
  t.equal(list.at(3), null)
})

test('a list whose members all left is empty', async t => {
  const list = new MemberList<string>()
  for (const member of ['a', 'b']) list.add(member)

  for (const member of ['b', 'a']) list.remove(member)

  t.equal(list.count, 0)
  t.equal(list.at(0), null)
})
