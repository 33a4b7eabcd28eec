// Threat 24: a topic alias is bounded, ends with its connection, and opens no topic without a right.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const TOPIC_ALIAS_INVALID = 0x94
const PROTOCOL_ERROR = 0x82
const NOT_AUTHORIZED = 0x87

/** A QoS 1 PUBLISH with the alias. */
function publish(topic: string, alias: number, packetId: number): string {
  const name = Buffer.from(topic)
  const body = Buffer.concat([
    Buffer.from([0, name.length]),
    name,
    Buffer.from([0, packetId, 3, 0x23, alias >> 8, alias & 0xff]),
  ])
  return Buffer.concat([Buffer.from([0x32, body.length]), body]).toString('hex')
}

/** The reason with which the connection ends. */
async function endOf(socket: RawSocket): Promise<number | undefined> {
  const heard = await socket.closed
  const rest = heard.subarray(2 + (heard[1] ?? 0))
  return rest[rest.indexOf(0xe0) + 2]
}

test('alias 0, an alias above the maximum and one that was never set end the connection', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const cases = [
    { topic: 'a', alias: 0, reason: TOPIC_ALIAS_INVALID },
    { topic: 'a', alias: 33, reason: TOPIC_ALIAS_INVALID },
    { topic: 'a', alias: 65_535, reason: TOPIC_ALIAS_INVALID },
    { topic: '', alias: 5, reason: PROTOCOL_ERROR },
  ]

  for (const { topic, alias, reason } of cases) {
    const socket = await RawSocket.connected(broker.port, 5)
    socket.writes(publish(topic, alias, 1))
    t.equal(await endOf(socket), reason, `alias ${alias} of '${topic}'`)
  }

  await broker.hasSurvived(t)
})

test('an alias does not survive its connection', async t => {
  const broker = await AttackedBroker.started(t)
  const first = await RawSocket.connected(broker.port, 5)
  first.writes(publish('a', 5, 1))
  await first.hears(first.heard.length + 1)
  first.socket.destroy()

  const second = await RawSocket.connected(broker.port, 5)
  second.writes(publish('', 5, 2))

  t.equal(await endOf(second), PROTOCOL_ERROR)
  await broker.hasSurvived(t)
})

test('the topic of an alias needs the right each time', async t => {
  const access = { rules: 'topic readwrite open\ntopic readwrite fresh', anonymous: 'everywhere' }
  const broker = await AttackedBroker.started(t, { access })
  const socket = await RawSocket.connected(broker.port, 5)
  const connack = socket.heard.length

  // The alias is set by a refused publish, then used, and then set to an open topic and back.
  const steps = [
    { topic: 'closed', isRefused: true },
    { topic: '', isRefused: true },
    { topic: 'open', isRefused: false },
    { topic: '', isRefused: false },
    { topic: 'closed', isRefused: true },
    { topic: '', isRefused: true },
  ]
  let at = connack
  for (const [index, { topic, isRefused }] of steps.entries()) {
    socket.writes(publish(topic, 1, index + 1))
    await socket.hears(at + 4)
    const answer = socket.heard.subarray(at)
    t.equal(answer[4] === NOT_AUTHORIZED, isRefused, `step ${index}: ${answer.toString('hex')}`)
    at += 2 + (answer[1] ?? 0)
  }

  socket.socket.destroy()
  await broker.hasSurvived(t)
})
