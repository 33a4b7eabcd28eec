// Threat 63: subscribers that do not read fill the heap with what waits for them, and the broker lives.
// Scale: 60 subscribers, and a heap of 40 MiB, of which the broker itself needs some 20.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const SUBSCRIBERS = 60
const MESSAGES = 1_500
const PAYLOAD = Buffer.alloc(1_600, 'x')

test('many subscribers that do not read do not end a broker with a small heap', async t => {
  const broker = await AttackedBroker.started(t, { log: { level: 'info' } }, {}, [
    '--max-old-space-size=40',
  ])
  const subscribers: RawSocket[] = []
  for (let count = 0; count < SUBSCRIBERS; count++) {
    const each = await RawSocket.connected(broker.port, 4, `s${count}`)
    each.writes('82 06 0001 0001 73 01')
    await each.hears(each.heard.length + 5)
    each.socket.pause()
    subscribers.push(each)
  }
  const writer = await broker.client({ clientId: 'writer' })

  for (let sent = 0; sent < MESSAGES; sent += 100) {
    const hundred = Array.from({ length: 100 }, () => writer.publishAsync('s', PAYLOAD, { qos: 1 }))
    await Promise.all(hundred)
  }

  t.equal(broker.process.process.exitCode, null)
  t.equal(writer.connected, true, 'the publisher waited, and was not disconnected')
  for (const each of subscribers) each.socket.destroy()
  await writer.endAsync()
  while ((await broker.status()).overloadLevel === 3)
    await new Promise(resolve => setTimeout(resolve, 50))
  await broker.hasSurvived(t)
})
