// Messages to clients that may receive only a part of what they subscribe to.

import { test } from 'tap'
import { RuledPond } from './ruled-pond.ts'

const USERS = ['alice', 'anna', 'bob', 'writer']
const WRITER = 'user writer\ntopic write #\n'
const A_AND_B = `user alice\ntopic read a/+\nuser anna\ntopic read a/+\nuser bob\ntopic read b/+\n${WRITER}`
const B_AND_A = `user alice\ntopic read b/+\nuser anna\ntopic read a/+\nuser bob\ntopic read a/+\n${WRITER}`

test('an answer for one client is used for those with the same rules only, and not after a change', async t => {
  const pond = new RuledPond({ rules: A_AND_B, users: USERS })
  const readers = ['alice', 'bob', 'anna'].map(username => {
    const client = pond.client(username, { username })
    client.subscribes('#')
    client.hears()
    return client
  })
  const writer = pond.client('writer', { username: 'writer' })
  const heardOf = (topics: readonly string[]): readonly string[] => {
    for (const topic of topics) writer.publishes(topic, 'x')
    return readers.map(reader => reader.hears().join())
  }
  const [alice, bob] = ['publish a/1 x q0', 'publish b/1 x q0']

  for (let rounds = 0; rounds < 3; rounds++) t.strictSame(heardOf(['a/1']), [alice, '', alice])
  t.strictSame(heardOf(['b/1']), ['', bob, ''])
  t.strictSame(heardOf(['a/1', 'b/1', 'a/1']), [`${alice},${alice}`, bob, `${alice},${alice}`])

  pond.changes({ rules: B_AND_A, users: USERS })

  t.strictSame(heardOf(['a/1']), ['', alice, alice])
  t.strictSame(heardOf(['b/1']), [bob, '', ''])
  pond.changes({ rules: WRITER, users: USERS })
  t.strictSame(heardOf(['a/1', 'b/1']), ['', '', ''])
})
