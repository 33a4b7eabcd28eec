// Threat 42: QoS 2 messages that are never released are bounded, and a packet identifier that is used again stores nothing twice.
// Scale: a tolerated maximum of 500 instead of 65,535.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const TOLERATED = 500
const RECEIVE_MAXIMUM_EXCEEDED = 0x93

/** A QoS 2 PUBLISH of 5.0 to the topic `h`. */
function publish(packetId: number, payload: string): string {
  const body = Buffer.concat([
    Buffer.from([0, 1, 0x68, packetId >> 8, packetId & 0xff, 0]),
    Buffer.from(payload),
  ])
  return Buffer.concat([Buffer.from([0x34, body.length]), body]).toString('hex')
}

async function broker(t: Parameters<typeof AttackedBroker.started>[0]): Promise<AttackedBroker> {
  const limits = { receiveToleratedMax: TOLERATED }
  const started = await AttackedBroker.started(t, { limits })
  await started.isWatched()
  return started
}

test('a client that opens more exchanges than are tolerated is disconnected with 0x93', async t => {
  const attacked = await broker(t)
  const socket = await RawSocket.connected(attacked.port, 5)

  for (let id = 1; id <= TOLERATED + 1; id++) socket.writes(publish(id, 'x'))
  const heard = await socket.closed

  const end = heard.lastIndexOf(0xe0)
  t.equal(heard[end + 2], RECEIVE_MAXIMUM_EXCEEDED)
  await attacked.hasSurvived(t)
})

test('a packet identifier that is sent again and again with new payloads is one message', async t => {
  const attacked = await broker(t)
  const { client, heard } = await attacked.listener({ clientId: 'reader' })
  await client.subscribeAsync('h', { qos: 2 })
  const socket = await RawSocket.connected(attacked.port, 5)
  const connack = socket.heard.length

  for (let count = 0; count < 1_000; count++) socket.writes(publish(7, `payload ${count}`))
  // A PUBREC has four bytes at least.
  await socket.hears(connack + 4 * 1_000)
  socket.writes('62 02 0007')
  await socket.hears(socket.heard.length + 4)
  socket.writes(publish(8, 'last'))
  while (heard.length < 2) await new Promise(arrives => client.once('message', arrives))

  t.strictSame(heard, ['h', 'h'], 'one for each identifier')
  socket.socket.destroy()
  await client.endAsync()
  await attacked.hasSurvived(t)
})
