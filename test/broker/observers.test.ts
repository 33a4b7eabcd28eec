import { test } from 'tap'
import { Observers } from '../../src/broker/observers.ts'
import { Pond } from '../pond.ts'

test('an event that nobody listens to has no method', async t => {
  const observers = new Observers(() => {})
  const observer = { unsubscribed: () => {} }

  t.equal(observers.heard.unsubscribed, undefined)
  observers.add(observer)
  t.type(observers.heard.unsubscribed, 'function')
  t.equal(observers.heard.published, undefined)
  observers.remove(observer)
  t.equal(observers.heard.unsubscribed, undefined)
})

test('every observer hears an event, in the order in which they came, whatever the others throw', async t => {
  const failures: unknown[] = []
  const observers = new Observers(error => failures.push(error))
  const heard: string[] = []
  observers.add({
    unsubscribed: () => {
      throw new Error('of the first')
    },
  })
  observers.add({ unsubscribed: (clientId, filter) => heard.push(`${clientId} ${filter}`) })

  observers.heard.unsubscribed?.('alice', 'pond/#')

  t.strictSame(heard, ['alice pond/#'])
  t.match(failures, [{ message: 'of the first' }])
})

test('an observer that comes later hears what happens from then on', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const topics: string[] = []
  const observer = { published: ({ topic }: { topic: string }) => topics.push(topic) }

  alice.publishes('before', 'x')
  pond.broker.faults.observers.add(observer)
  alice.publishes('while', 'x')
  pond.broker.faults.observers.remove(observer)
  alice.publishes('after', 'x')

  t.strictSame(topics, ['while'])
})
