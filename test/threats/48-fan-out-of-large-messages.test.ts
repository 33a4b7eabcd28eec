// Threat 48: a large message to many subscribers is kept once. Scale: 1 MiB to 200 subscribers instead of 10,000.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const SUBSCRIBERS = 200
const PAYLOAD_BYTES = 1_048_576

test('one MiB to two hundred subscribers takes far less memory than two hundred MiB', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const subscribers = await Promise.all(
    Array.from({ length: SUBSCRIBERS }, (_, index) => stoppedReader(broker, index)),
  )
  const before = await broker.restingBytes()
  const writer = await broker.client({ clientId: 'writer' })

  await writer.publishAsync('big', Buffer.alloc(PAYLOAD_BYTES, 'x'), { qos: 1 })
  const { keptBufferBytes } = await broker.status()

  t.ok(broker.rssBytes - before < 64 * 1_048_576)
  t.ok(keptBufferBytes < 4 * PAYLOAD_BYTES, `${keptBufferBytes} bytes`)
  for (const each of subscribers) {
    each.socket.resume()
    await each.hears(PAYLOAD_BYTES)
    each.socket.destroy()
  }
  await writer.endAsync()
  await broker.hasSurvived(t)
})

/** A subscriber at QoS 0 that does not read for now. */
async function stoppedReader(broker: AttackedBroker, index: number): Promise<RawSocket> {
  const socket = await RawSocket.to(broker.port)
  const id = Buffer.from(String(index).padStart(3, '0')).toString('hex')
  socket.writes(`10 0f 0004 4d515454 04 02 003c 0003 ${id}`)
  await socket.hears(4)
  socket.writes('82 08 0001 0003 626967 00')
  await socket.hears(9)
  socket.socket.pause()
  return socket
}
