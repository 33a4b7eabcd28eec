// Threat 49: clients that fight for a few client ids leave one connection for each id, each loser is told 0x8E, and no will is published twice.
// Those that never stop are named and slowed down.
// Scale: 40 clients for 4 ids, 25 takeovers each, instead of 1,000 for an hour.

import mqtt from 'mqtt'
import { test } from 'tap'
import { AttackedBroker } from './attacked-broker.ts'

const CLIENTS = 40
const IDS = 4
const ROUNDS = 25
const SESSION_TAKEN_OVER = 0x8e
/** A CONNECT of the client `one` with a keep-alive of a second. */
const SILENT = Buffer.from('100f00044d5154540402000100036f6e65', 'hex')

interface Fight {
  connected: number
  readonly reasons: Set<number | undefined>
}

/** Takes the id over and over, and publishes and subscribes meanwhile. */
async function fights(port: number, index: number, fight: Fight): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      clientId: `contested-${index % IDS}`,
      clean: round % 3 === 0,
      protocolVersion: 5,
      reconnectPeriod: 0,
    })
    client.on('error', () => {})
    client.on('disconnect', ({ reasonCode }) => void fight.reasons.add(reasonCode))
    const ended = new Promise<void>(closed => client.once('close', () => closed()))
    client.once('connect', () => {
      fight.connected += 1
      client.subscribe('fight/#', { qos: 1 }, () => {})
      client.publish(`fight/${index}`, 'x', { qos: round % 3 === 0 ? 2 : 1 }, () => {})
      setTimeout(() => client.stream.destroy(), 20)
    })
    await ended
  }
}

test('forty clients that fight for four ids leave at most one connection for each, and losers are told 0x8E', async t => {
  // As fast as they can: none of them waits.
  const broker = await AttackedBroker.started(t, { limits: { takeoversPerMinuteMax: 0 } })
  await broker.isWatched()
  const { clientsConnected } = await broker.status()
  const fight: Fight = { connected: 0, reasons: new Set() }

  let isOver = false
  const fighting = Promise.all(
    Array.from({ length: CLIENTS }, (_, index) => fights(broker.port, index, fight)),
  ).then(() => (isOver = true))
  while (!isOver) {
    const now = (await broker.status()).clientsConnected - clientsConnected
    t.ok(now <= IDS, `${now} connections`)
    await new Promise(passed => setTimeout(passed, 20))
  }
  await fighting

  t.ok(fight.connected > CLIENTS * ROUNDS * 0.5, `${fight.connected} connections`)
  t.strictSame([...fight.reasons], [SESSION_TAKEN_OVER])
  const { internalErrors, sessions } = await broker.status()
  t.equal(internalErrors, 0)
  t.ok(sessions <= 5 + 5 + IDS, `${sessions} sessions`)
  await broker.hasSurvived(t)
})

test('two devices with one client id that come back at once are named in one line, and then take turns slowly', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const twins = [4, 5].map(protocolVersion =>
    mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
      clientId: 'twin',
      username: `twin-${protocolVersion}`,
      protocolVersion: protocolVersion === 5 ? 5 : 4,
      reconnectPeriod: 10,
    }),
  )
  for (const twin of twins) twin.on('error', () => {})

  await broker.process.prints(lines => lines.some(({ event }) => event === 'client.contested'))
  let status = await broker.status()
  while ((status.limited['takeoversPerMinuteMax'] ?? 0) < 2) {
    await new Promise(passed => setTimeout(passed, 50))
    status = await broker.status()
  }
  for (const twin of twins) twin.end(true)

  t.equal(status.clientIdsContested, 1)
  const waited = status.limited['takeoversPerMinuteMax'] ?? 0
  t.ok(status.sessionsTakenOver - 5 <= waited, 'after five, whoever takes over has waited')
  const [contested] = broker.lines.filter(({ event }) => event === 'client.contested')
  t.match(contested, { clientId: 'twin', takeovers: 5, addresses: ['127.0.0.1', '127.0.0.1'] })
  t.strictSame([...Object(contested?.['usernames'])].sort(), ['twin-4', 'twin-5'])
  await broker.hasSurvived(t)
})

for (const protocolVersion of [4, 5] as const) {
  test(`with limits.clientIdInUse a second client of version ${protocolVersion} is refused, until the first is silent`, async t => {
    const broker = await AttackedBroker.started(t, { limits: { clientIdInUse: 'refuse' } })
    const connects = (): Promise<mqtt.MqttClient> =>
      broker.client({ clientId: 'one', protocolVersion })
    // With a keep-alive of a minute, and then of a second.
    const first = await broker.client({ clientId: 'one', keepalive: 60 })
    await t.rejects(connects(), { code: protocolVersion === 5 ? 0x85 : 2 })
    t.ok(first.connected)
    await first.endAsync()
    const silent = await broker.attacker(t, SILENT)
    await silent.told(4)

    let second: mqtt.MqttClient | null = null
    while (second === null) second = await connects().catch(() => null)

    t.ok(second.connected)
    await silent.closes()
    await second.endAsync()
  })
}
