// Threat 44: a subscriber that stops reading costs a bounded number of bytes, loses QoS 0 by count, and delays nobody.
// After a time it is disconnected. Scale: 4,000 messages of 10 KB instead of 100,000, and 1 second instead of 30.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const MESSAGES = 4_000
const PAYLOAD = Buffer.alloc(10_000, 'x')
const OUTBOX_BYTES_MAX = 1_048_576

test('a subscriber that has stopped reading holds no more than its bound, and the drops are counted', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const stopped = await RawSocket.connected(broker.port, 4)
  stopped.writes('82 06 0001 0001 73 00')
  await stopped.hears(stopped.heard.length + 5)
  stopped.socket.pause()
  const writer = await broker.client({ clientId: 'writer' })
  const before = (await broker.status()).keptBufferBytes

  for (let count = 0; count < MESSAGES; count++) {
    const sent = writer.publishAsync('s', PAYLOAD, { qos: count % 50 === 0 ? 1 : 0 })
    if (count % 50 === 0) await sent
  }

  const { dropped, keptBufferBytes, clientsConnected } = await broker.status()
  t.ok((dropped['outbox-full'] ?? 0) > MESSAGES / 2, JSON.stringify(dropped))
  t.ok(keptBufferBytes - before < 2 * OUTBOX_BYTES_MAX, `${keptBufferBytes} bytes`)
  t.ok(clientsConnected > 0)
  stopped.socket.destroy()
  await writer.endAsync()
  await broker.hasSurvived(t)
})

test('a subscriber that goes on reading nothing is disconnected after its time, whatever its keep-alive', async t => {
  const broker = await AttackedBroker.started(t, { limits: { stalledSecondsMax: 1 } })
  await broker.isWatched()
  const stopped = await RawSocket.connected(broker.port, 4)
  stopped.writes('82 06 0001 0001 73 00')
  await stopped.hears(stopped.heard.length + 5)
  stopped.socket.pause()
  const writer = await broker.client({ clientId: 'writer' })

  while (((await broker.status()).limited['stalledSecondsMax'] ?? 0) === 0)
    await writer.publishAsync('s', PAYLOAD, { qos: 0 })

  await broker.process.prints(lines =>
    lines.some(({ cause }) => String(cause).includes('limits.stalledSecondsMax')),
  )
  stopped.socket.resume()
  await stopped.closed
  await writer.endAsync()
  await broker.hasSurvived(t)
})
