// Which topics there are, and how busy they are.

import { test } from 'tap'
import { TopicTree } from '../../src/records/topic-tree.ts'
import { Topics } from '../../src/records/topics.ts'
import { Pond } from '../pond.ts'

function watched() {
  const pond = new Pond()
  const later: (() => void)[] = []
  const topics = new Topics({
    broker: pond.broker,
    now: () => pond.now,
    after: (_milliseconds, act) => later.push(act),
  })
  return { pond, topics, later }
}

test('the tree has rates, the last publisher and the retained messages below each level', async t => {
  const { pond, topics } = watched()
  const alice = pond.client('alice')
  alice.publishes('fleet/1/state', 'x', { retain: true })
  alice.publishes('fleet/2/state', 'x', { retain: true })
  for (let second = 0; second < 60; second++) {
    alice.publishes('fleet/1/position', 'x')
    alice.publishes('fleet/1/position', 'x')
    pond.now += 1_000
  }

  t.match(topics.below(null), [
    { topic: 'fleet', hasChildren: true, retainedBelow: 2, isRetained: false, lastAt: null },
  ])
  t.ok(Math.abs((topics.below(null)[0]?.messagesRate ?? 0) - 2) < 0.3)
  t.match(topics.below('fleet'), [
    { topic: 'fleet/1', retainedBelow: 1 },
    { topic: 'fleet/2', retainedBelow: 1 },
  ])
  t.match(topics.below('fleet/1'), [
    { topic: 'fleet/1/position', isRetained: false, lastPublisher: 'alice', hasChildren: false },
    { topic: 'fleet/1/state', isRetained: true, retainedBelow: 0, lastPublisher: 'alice' },
  ])
  t.match(topics.of('fleet/1/position'), { lastAt: pond.now - 1_000, lastPublisher: 'alice' })
  t.match(topics.of('nobody/knows'), { lastAt: null, messagesRate: 0, hasChildren: false })
})

test('at most 200 messages of a second are seen, nothing listens meanwhile, and rates stay right', async t => {
  const { pond, topics, later } = watched()
  const alice = pond.client('alice')
  const { heard } = pond.broker.faults.observers
  const busySecond = (): void => {
    for (let tenth = 0; tenth < 10; tenth++) {
      for (let number = 0; number < 100; number++) alice.publishes('busy', 'x')
      pond.now += 100
      for (const act of later.splice(0)) act()
    }
  }

  for (let number = 0; number < 200; number++) alice.publishes('busy', 'x')
  t.equal(heard.published, undefined)
  for (const act of later.splice(0)) act()
  t.type(heard.published, 'function')
  for (let second = 0; second < 40; second++) busySecond()

  t.ok(topics.sampledOneIn > 4.5 && topics.sampledOneIn < 5.5, `${topics.sampledOneIn}`)
  const { messagesRate } = topics.of('busy')
  t.ok(messagesRate > 850 && messagesRate < 1_150, `${messagesRate} a second`)
})

test('what the broker says about itself is not among the topics of clients', async t => {
  const { pond, topics } = watched()

  pond.broker.publishing.announce('$SYS/broker/uptime', '1')

  t.equal(topics.tree.count, 0)
})

test('the topic that was seen longest ago goes when the tree is full', async t => {
  const tree = new TopicTree()
  for (let number = 0; number < 30_000; number++) {
    tree.add(`fleet/${number}/state`, 'alice', 1, number)
    if (number % 100 === 0) tree.add('fleet/0/state', 'alice', 1, number)
  }

  t.equal(tree.count, 20_000)
  t.not(tree.find('fleet/29999/state'), null)
  t.not(tree.find('fleet/0/state'), null)
  t.equal(tree.find('fleet/1'), null)
  t.ok(tree.forgotten > 0)
})

test('topics as long as MQTT allows stay within the bound', async t => {
  const tree = new TopicTree()

  for (let number = 0; number < 500; number++) {
    tree.add(`${number}${'x'.repeat(60_000)}`, 'y'.repeat(60_000), 1, number)
    if (tree.bytes > 4_194_304) t.fail(`${tree.bytes} bytes`)
  }
  tree.add(Array.from({ length: 120 }, () => '').join('/'), '<script>', 1, 500)

  t.ok(tree.count < 200)
})
