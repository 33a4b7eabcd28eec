import { test } from 'tap'
import { contentBytes, STORE_RULES } from '../../src/store-kit.ts'
import { messageOf, queued, stored } from '../../src/store-kit/changes.ts'
import { DurableState } from '../../src/store-kit/durable-state.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

const BOB = { kind: 'session', clientId: 'bob' } as const

for (const { sentence, check } of STORE_RULES) {
  test(`the memory store: ${sentence}`, async () => {
    const store = new MemoryStore()
    await check({ store: () => store })
  })
}

test('a message is removed when its last delivery is settled', async t => {
  const state = new DurableState()
  state.apply([
    { kind: 'session-opened', clientId: 'bob', expiryIntervalSeconds: 1 },
    stored(1, { topic: 'a' }),
    queued(1, 1),
    queued(2, 1),
    { kind: 'retained-set', topic: 'a', sequence: 1 },
    stored(2),
  ])
  t.equal(state.messageCount, 1)
  state.apply([
    { kind: 'settled', delivery: 1, owner: BOB },
    { kind: 'retained-cleared', topic: 'a' },
  ])
  t.equal(state.messageCount, 1)
  state.apply([{ kind: 'settled', delivery: 2, owner: BOB }])
  t.equal(state.messageCount, 0)
})

test('a message weighs the same when a store gives it another empty object of properties', async t => {
  t.equal(contentBytes(messageOf(1, { properties: {} })), contentBytes(messageOf(1)))
})
