import { test } from 'tap'
import { SequenceCheck } from '../../bench/generator/sequence-check.ts'

test('messages that come once and in order are no problem', async t => {
  const check = new SequenceCheck(2, 2, 'every-subscriber')
  for (const publisher of [0, 1, 0]) check.send(publisher)
  for (const subscriber of [0, 1]) {
    check.arrived(subscriber, 0, 0)
    check.arrived(subscriber, 1, 0)
    check.arrived(subscriber, 0, 1)
  }

  t.strictSame(check.problems, [])
  t.equal(check.missing(2), 0)
  t.same([...check.delivered], [4, 2])
})

test('a message that did not come is missing, and the next is too early', async t => {
  const check = new SequenceCheck(1, 1, 'every-subscriber')
  check.send(0)
  check.send(0)
  check.arrived(0, 0, 1)

  t.equal(check.missing(1), 1)
  t.match(check.problems, [/message 1 came too early, or others are lost, 0 was awaited/])
})

test('a message that comes twice is a problem', async t => {
  const check = new SequenceCheck(1, 1, 'every-subscriber')
  check.send(0)
  check.arrived(0, 0, 0)
  check.arrived(0, 0, 0)

  t.equal(check.missing(1), -1)
  t.match(check.problems, [/message 0 came again or too late/])
})

test('messages that change places are a problem', async t => {
  const check = new SequenceCheck(1, 1, 'every-subscriber')
  check.send(0)
  check.send(0)
  check.arrived(0, 0, 1)
  check.arrived(0, 0, 0)

  t.equal(check.missing(1), 0)
  t.equal(check.problems.length, 2)
})

test('a message from nobody is a problem', async t => {
  const check = new SequenceCheck(1, 1, 'every-subscriber')
  check.arrived(0, 5, 0)

  t.match(check.problems, [/nobody sent/])
})

test('a group gets each message once, whichever member does', async t => {
  const check = new SequenceCheck(1, 2, 'one-of-the-group')
  for (let count = 0; count < 3; count++) check.send(0)
  check.arrived(0, 0, 0)
  check.arrived(1, 0, 1)
  check.arrived(0, 0, 2)

  t.strictSame(check.problems, [])
  t.equal(check.missing(1), 0)
})

test('a message that two members of a group get is a problem', async t => {
  const check = new SequenceCheck(1, 2, 'one-of-the-group')
  check.send(0)
  check.arrived(0, 0, 0)
  check.arrived(1, 0, 0)

  t.match(check.problems, [/message 0 of publisher 0 came to the group twice/])
})

test('a member that gets an older message after a newer one is a problem', async t => {
  const check = new SequenceCheck(1, 2, 'one-of-the-group')
  check.send(0)
  check.send(0)
  check.arrived(0, 0, 1)
  check.arrived(0, 0, 0)

  t.match(check.problems, [/a member got message 0 of publisher 0 after a newer one/])
})

test('it keeps the first problems, not all', async t => {
  const check = new SequenceCheck(1, 1, 'every-subscriber')
  for (let count = 0; count < 100; count++) check.arrived(0, 0, 50)

  t.ok(check.problems.length < 10)
})
