import { test } from 'tap'
import { Ledger } from '../../bench/generator/ledger.ts'

test('what comes once and in order is no problem', async t => {
  const ledger = new Ledger(2, 2, 'every-subscriber')
  for (const publisher of [0, 1, 0]) ledger.send(publisher)
  for (const subscriber of [0, 1]) {
    ledger.arrived(subscriber, 0, 0)
    ledger.arrived(subscriber, 1, 0)
    ledger.arrived(subscriber, 0, 1)
  }

  t.strictSame(ledger.problems, [])
  t.equal(ledger.owed(2), 0)
  t.same([...ledger.delivered], [4, 2])
})

test('a message that did not come is owed, and the next is too early', async t => {
  const ledger = new Ledger(1, 1, 'every-subscriber')
  ledger.send(0)
  ledger.send(0)
  ledger.arrived(0, 0, 1)

  t.equal(ledger.owed(1), 1)
  t.match(ledger.problems, [/message 1 came too early, or others are lost, 0 was awaited/])
})

test('a message that comes twice is a problem', async t => {
  const ledger = new Ledger(1, 1, 'every-subscriber')
  ledger.send(0)
  ledger.arrived(0, 0, 0)
  ledger.arrived(0, 0, 0)

  t.equal(ledger.owed(1), -1)
  t.match(ledger.problems, [/message 0 came again or too late/])
})

test('messages that change places are a problem', async t => {
  const ledger = new Ledger(1, 1, 'every-subscriber')
  ledger.send(0)
  ledger.send(0)
  ledger.arrived(0, 0, 1)
  ledger.arrived(0, 0, 0)

  t.equal(ledger.owed(1), 0)
  t.equal(ledger.problems.length, 2)
})

test('a message from nobody is a problem', async t => {
  const ledger = new Ledger(1, 1, 'every-subscriber')
  ledger.arrived(0, 5, 0)

  t.match(ledger.problems, [/nobody sent/])
})

test('a group gets each message once, whichever member does', async t => {
  const ledger = new Ledger(1, 2, 'one-of-the-group')
  for (let count = 0; count < 3; count++) ledger.send(0)
  ledger.arrived(0, 0, 0)
  ledger.arrived(1, 0, 1)
  ledger.arrived(0, 0, 2)

  t.strictSame(ledger.problems, [])
  t.equal(ledger.owed(1), 0)
})

test('a message that two members of a group get is a problem', async t => {
  const ledger = new Ledger(1, 2, 'one-of-the-group')
  ledger.send(0)
  ledger.arrived(0, 0, 0)
  ledger.arrived(1, 0, 0)

  t.match(ledger.problems, [/message 0 of publisher 0 came to the group twice/])
})

test('a member that gets an older message after a newer one is a problem', async t => {
  const ledger = new Ledger(1, 2, 'one-of-the-group')
  ledger.send(0)
  ledger.send(0)
  ledger.arrived(0, 0, 1)
  ledger.arrived(0, 0, 0)

  t.match(ledger.problems, [/a member got message 0 of publisher 0 after a newer one/])
})

test('it keeps the first problems, not all', async t => {
  const ledger = new Ledger(1, 1, 'every-subscriber')
  for (let count = 0; count < 100; count++) ledger.arrived(0, 0, 50)

  t.ok(ledger.problems.length < 10)
})
