import { test } from 'tap'
import { DurableState } from '../../src/store/durable-state.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { owed, stored, storeContract } from './store-contract.ts'

storeContract('the memory store', () => {
  const store = new MemoryStore()
  return { store: () => store }
})

test('a message is let go when the last that refers to it is settled', async t => {
  const state = new DurableState()
  state.apply([
    { kind: 'session-opened', clientId: 'bob', expiryIntervalSeconds: 1 },
    stored(1, { topic: 'a' }),
    owed(1, 1),
    owed(2, 1),
    { kind: 'retained-set', topic: 'a', sequence: 1 },
    stored(2),
  ])
  t.equal(state.messageCount, 1)
  state.apply([
    { kind: 'settled', delivery: 1 },
    { kind: 'retained-cleared', topic: 'a' },
  ])
  t.equal(state.messageCount, 1)
  state.apply([{ kind: 'settled', delivery: 2 }])
  t.equal(state.messageCount, 0)
})
