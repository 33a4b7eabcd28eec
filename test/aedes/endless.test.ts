// Programs whose handlers cause their own events.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'tap'
import { Aedes, type PublishPacket } from '../../src/aedes/aedes.ts'

const PACKET: PublishPacket = { cmd: 'publish', topic: 'a', payload: '', qos: 0, retain: false }

test('a handler that publishes again and again leaves the event loop to others', async t => {
  const broker = await Aedes.createBroker()
  t.teardown(() => new Promise<void>(closed => broker.close(closed)))
  let published = 0
  // Without an end it would never fail.
  const isOver = (): boolean => published >= 100_000
  broker.on('publish', ({ topic }) => {
    if (topic !== PACKET.topic || isOver()) return
    published += 1
    broker.publish(PACKET)
  })
  broker.publish(PACKET)

  for (let turn = 0; turn < 10; turn++) await nextTurn()

  t.ok(published > 1)
  t.notOk(isOver(), 'others had ten turns meanwhile')
  published = 100_000
})

test('events keep their order, whoever causes them', async t => {
  const broker = await Aedes.createBroker()
  t.teardown(() => new Promise<void>(closed => broker.close(closed)))
  const heard: string[] = []
  broker.on('publish', ({ topic }) => {
    if (topic.startsWith('$')) return
    heard.push(topic)
    if (topic === '1') broker.publish({ ...PACKET, topic: 'within' })
  })

  for (const topic of ['0', '1', '2']) broker.publish({ ...PACKET, topic })
  for (let turn = 0; turn < 10; turn++) await nextTurn()

  t.strictSame(heard, ['0', '1', '2', 'within'])
})
