import { test } from 'tap'
import type { Message } from '../../src/message.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import {
  retainedBytes,
  type RetainedCursor,
  RetainedMessages,
  retainedTopicBytes,
} from '../../src/routing/retained-messages.ts'
import { bruteForceMatches, seededRandom, randomFilter, randomTopic } from './brute-force.ts'

function message(topic: string, sequence = 1, payload = 'x'): Message {
  return {
    topic,
    payload: Buffer.from(payload),
    qos: 0,
    retain: true,
    properties: NO_PROPERTIES,
    publisher: null,
    expiresAt: Infinity,
    sequence,
  }
}

function retaining(...topics: string[]): RetainedMessages {
  const retained = new RetainedMessages()
  for (const topic of topics) retained.set(message(topic))
  return retained
}

function rest(cursor: RetainedCursor): string[] {
  const topics: string[] = []
  for (let next = cursor.next(); next !== null; next = cursor.next()) topics.push(next.topic)
  return topics.sort()
}

test('a topic keeps its last message only [MQTT-3.3.1-5]', async t => {
  const retained = new RetainedMessages()
  const second = message('a/b', 2, 'four')
  retained.set(message('a/b', 1, 'five5'))
  retained.set(second)

  t.equal(retained.get('a/b'), second)
  t.equal(retained.count, 1)
  t.equal(retained.bytes, retainedTopicBytes('a/b') + retainedBytes(second))
  t.equal(retained.get('a'), undefined)
})

test('a cleared topic has no message, and an empty one is never kept [MQTT-3.3.1-6] [MQTT-3.3.1-7]', async t => {
  const retained = retaining('a/b', 'a/c')

  t.equal(retained.clear('a/b'), true)
  t.equal(retained.clear('a/b'), false)
  t.equal(retained.clear('a'), false)
  retained.set(message('a/c', 2, ''))
  retained.set(message('a/d', 3, ''))

  t.equal(retained.count, 0)
  t.equal(retained.bytes, 0)
  t.strictSame(rest(retained.matching('#')), [])
})

const MATCHING: readonly (readonly [filter: string, topics: readonly string[]])[] = [
  ['a', ['a']],
  ['a/b', ['a/b']],
  ['none', []],
  ['#', ['/', 'a', 'a/', 'a/b', 'a/b/c', 'b/b']],
  ['+', ['a']],
  ['a/#', ['a', 'a/', 'a/b', 'a/b/c']],
  ['a/+', ['a/', 'a/b']],
  ['+/b', ['a/b', 'b/b']],
  ['+/b/#', ['a/b', 'a/b/c', 'b/b']],
  ['+/+', ['/', 'a/', 'a/b', 'b/b']],
  ['/+', ['/']],
  ['$SYS/#', ['$SYS', '$SYS/up', '$SYS/up/time']],
  ['$SYS/+', ['$SYS/up']],
  ['$SYS', ['$SYS']],
  ['a/b/c/#', ['a/b/c']],
  ['a/b/c/+', []],
]

test('a filter brings the retained messages it matches, $ topics only by name [MQTT-4.7.2-1]', async t => {
  const retained = retaining(
    'a',
    'a/',
    'a/b',
    'a/b/c',
    'b/b',
    '/',
    '$SYS',
    '$SYS/up',
    '$SYS/up/time',
  )

  for (const [filter, topics] of MATCHING) {
    t.strictSame(rest(retained.matching(filter)), topics, filter)
  }
})

test('a message that came after the cursor was opened is left out', async t => {
  const retained = new RetainedMessages()
  for (let sequence = 1; sequence <= 4; sequence++) {
    retained.set(message(`a/${sequence}`, sequence))
  }
  const cursor = retained.matching('a/+', 4)
  const exact = retained.matching('a/2', 4)

  retained.set(message('a/2', 5))
  retained.set(message('a/5', 6))

  t.strictSame(rest(cursor), ['a/1', 'a/3', 'a/4'])
  t.strictSame(rest(exact), [])
})

test('a cursor knows whether its last message was replaced or cleared meanwhile, also if its topic is retained again', async t => {
  const retained = retaining('a', 'b')
  const cursor = retained.matching('+')
  const [first, second] = [cursor.next(), cursor.next()]
  if (first === null || second === null) throw new Error('there are two messages')

  t.notOk(cursor.isCurrent(first), 'another came after it')
  t.ok(cursor.isCurrent(second))
  retained.set(message(second.topic, 3))
  t.notOk(cursor.isCurrent(second))

  const one = retained.matching('+')
  const drawn = one.next()
  if (drawn === null) throw new Error('there is a message')
  retained.clear(drawn.topic)
  t.notOk(one.isCurrent(drawn))
  retained.set(message(drawn.topic, 4))
  t.notOk(one.isCurrent(drawn))
  t.equal(retained.get(drawn.topic)?.sequence, 4)
})

test('a cursor with a bound on its steps reports whether it has finished', async t => {
  const retained = retaining(...Array.from({ length: 1000 }, (_, index) => `a/${index}/b`))
  const cursor = retained.matching('+/+/c', 1)
  let calls = 0

  while (!cursor.isFinished) {
    t.equal(cursor.next(100), null)
    calls++
  }

  t.ok(calls > 10 && calls < 50, `${calls} calls`)
})

test('a retained topic of 65,536 levels is found and cleared', async t => {
  const slashes = '/'.repeat(65_535)
  const topics = [slashes, slashes.slice(1), `${slashes.slice(1)}a`]
  const retained = retaining(...topics)

  t.equal(rest(retained.matching('#')).length, 3)
  t.equal(rest(retained.matching('+/'.repeat(65_535))).length, 1)
  t.equal(rest(retained.matching(`${slashes.slice(2)}#`)).length, 3)
  for (const topic of topics) retained.clear(topic)
  t.strictSame(rest(retained.matching('#')), [])
})

test('names of object properties are topics like others', async t => {
  const retained = retaining('__proto__', '__proto__/constructor', 'constructor')

  t.strictSame(rest(retained.matching('__proto__/#')), ['__proto__', '__proto__/constructor'])
  t.equal(retained.get('toString'), undefined)
  t.equal(retained.get('constructor')?.topic, 'constructor')
})

test('a cursor visits once each topic that stays, while others are set and cleared between its steps', async t => {
  const random = seededRandom(11)
  const wrong: string[] = []

  for (let round = 0; round < 1500; round++) {
    const retained = new RetainedMessages()
    const current = new Map<string, number>()
    let sequence = 0
    const change = () => {
      const topic = randomTopic(random)
      if (random() < 0.5) {
        retained.set(message(topic, ++sequence))
        current.set(topic, sequence)
      } else if (retained.clear(topic) !== current.delete(topic)) wrong.push(`clear ${topic}`)
    }
    const size = Math.floor(random() * 120)
    for (let index = 0; index < size; index++) change()
    const filter = randomFilter(random)
    const opened = sequence
    const atOpening = new Map(current)
    const cursor = retained.matching(filter, opened)
    const seen = new Set<string>()

    for (let next = cursor.next(); next !== null; next = cursor.next()) {
      const { topic } = next
      if (seen.has(topic)) wrong.push(`${filter} twice ${topic}`)
      if (next.sequence !== current.get(topic)) wrong.push(`${filter} stale ${topic}`)
      if (next.sequence > opened) wrong.push(`${filter} too new ${topic}`)
      if (!bruteForceMatches(filter, topic)) wrong.push(`${filter} not matched by ${topic}`)
      seen.add(topic)
      for (let count = Math.floor(random() * 6); count > 0; count--) change()
    }

    for (const [topic, number] of atOpening) {
      const stayed = current.get(topic) === number
      if (stayed && bruteForceMatches(filter, topic) && !seen.has(topic)) {
        wrong.push(`${filter} missed ${topic}`)
      }
    }
    if (retained.count !== current.size) wrong.push('count')
  }

  t.strictSame(wrong, [])
})
