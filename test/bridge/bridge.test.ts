// A bridge of ours to Debian's mosquitto: both ways, at every QoS, through cuts, restarts and kills.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { test, type Test } from 'tap'
import { CLI } from '../command.ts'
import { freePort, Program } from '../interop/programs.ts'
import { CuttingProxy } from './cutting-proxy.ts'

const MESSAGES = 120
const CUTS = 5

interface World {
  readonly port: number
  readonly theirPort: number
  readonly proxy: CuttingProxy
  readonly ours: () => Program
  /** kill -9, and a new start. */
  readonly killsOurs: () => Promise<void>
  readonly restartsTheirs: () => Promise<void>
}

function aMoment(milliseconds = 20): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}

async function world(t: Test, bridge: object): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-bridge-'))
  const [port, theirPort] = [await freePort(), await freePort()]
  const proxy = await CuttingProxy.to(theirPort)
  const conf = join(directory, 'mosquitto.conf')
  writeFileSync(
    conf,
    `listener ${theirPort} 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location ${directory}/
max_queued_messages 0
`,
  )
  const file = join(directory, 'pondhawk.json')
  const restart = { restartSecondsMin: 1, restartSecondsMax: 1 }
  writeFileSync(
    file,
    JSON.stringify({
      listeners: [{ port }],
      store: { directory: 'data' },
      bridges: {
        there: { addresses: [`127.0.0.1:${proxy.port}`], clientId: 'pond', ...restart, ...bridge },
      },
    }),
  )
  const start = async (): Promise<Program> => {
    const program = new Program(process.execPath, [CLI, 'start', '-c', file])
    await program.prints('"broker.ready"')
    return program
  }
  const startTheirs = (): Program => new Program('/usr/sbin/mosquitto', ['-c', conf])
  let theirs = startTheirs()
  let ours = await start()
  t.teardown(async () => {
    proxy.close()
    await ours.killed()
    await theirs.killed()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    port,
    theirPort,
    proxy,
    ours: () => ours,
    killsOurs: async () => {
      await ours.killed()
      ours = await start()
    },
    restartsTheirs: async () => {
      // It writes its sessions when it ends in order, and not otherwise.
      theirs.process.kill('SIGTERM')
      await theirs.ends()
      theirs = startTheirs()
    },
  }
}

/** A client that keeps its session, and what it has heard: `topic payload`, as often as it came. */
async function ear(t: Test, port: number, filter: string, clientId: string) {
  const heard = new Map<string, number>()
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId,
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 1_000 },
    reconnectPeriod: 50,
  })
  client.on('error', () => {})
  t.teardown(() => client.endAsync(true))
  client.on('message', (topic, payload) => {
    const text = `${topic} ${payload.toString()}`
    heard.set(text, (heard.get(text) ?? 0) + 1)
  })
  await client.subscribeAsync(filter, { qos: 2 })
  return { client, heard }
}

async function publisher(t: Test, port: number): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 50,
  })
  client.on('error', () => {})
  t.teardown(() => client.endAsync(true))
  return client
}

/** Returns those of the messages that did not come, and those that came more than once. */
function faultsOf(
  heard: ReadonlyMap<string, number>,
  topic: string,
): { lost: number; twice: number } {
  let [lost, twice] = [0, 0]
  for (let number = 0; number < MESSAGES; number++) {
    const count = heard.get(`${topic} ${number}`) ?? 0
    if (count === 0) lost += 1
    if (count > 1) twice += 1
  }
  return { lost, twice }
}

async function settled(heard: ReadonlyMap<string, number>, atLeast: number): Promise<void> {
  for (let tries = 0; tries < 1_500 && heard.size < atLeast; tries++) await aMoment()
  // What comes twice comes soon.
  await aMoment(300)
}

const TOPICS = [
  { filter: 'up/#', direction: 'out', qos: 2, remotePrefix: 'site/' },
  { filter: 'down/#', direction: 'in', qos: 2, localPrefix: 'there/' },
]

for (const protocol of ['5', '3.1.1']) {
  test(`over MQTT ${protocol}, through cuts, QoS 1 is not lost and QoS 2 comes once, both ways`, async t => {
    const { port, theirPort, proxy, ours } = await world(t, { protocol, topics: TOPICS })
    await ours().prints('"bridge.connected"')
    const there = await ear(t, theirPort, 'site/up/#', 'ear')
    const here = await ear(t, port, 'there/down/#', 'ear')
    const [fromHere, fromThere] = [await publisher(t, port), await publisher(t, theirPort)]
    let isDone = false
    const cutting = (async () => {
      while (proxy.cuts < CUTS || !isDone) {
        await aMoment(150)
        if (proxy.cuts < CUTS) proxy.cut()
      }
    })()
    for (let number = 0; number < MESSAGES; number++) {
      await Promise.all(
        ([1, 2] as const).flatMap(qos => [
          fromHere.publishAsync(`up/${qos}`, `${number}`, { qos }),
          fromThere.publishAsync(`down/${qos}`, `${number}`, { qos }),
        ]),
      )
    }
    isDone = true
    await cutting
    await Promise.all([settled(there.heard, 2 * MESSAGES), settled(here.heard, 2 * MESSAGES)])

    t.equal(proxy.cuts, CUTS)
    t.equal(faultsOf(there.heard, 'site/up/1').lost, 0)
    t.strictSame(faultsOf(there.heard, 'site/up/2'), { lost: 0, twice: 0 })
    t.equal(faultsOf(here.heard, 'there/down/1').lost, 0)
    t.strictSame(faultsOf(here.heard, 'there/down/2'), { lost: 0, twice: 0 })
  })
}

test('through kills of ours and restarts of the other, nothing is lost and QoS 2 comes once', async t => {
  const { port, theirPort, ours, killsOurs, restartsTheirs } = await world(t, { topics: TOPICS })
  await ours().prints('"bridge.connected"')
  const there = await ear(t, theirPort, 'site/up/#', 'ear')
  const here = await ear(t, port, 'there/down/#', 'ear')
  const [fromHere, fromThere] = [await publisher(t, port), await publisher(t, theirPort)]
  for (let number = 0; number < MESSAGES; number++) {
    const sent = ([1, 2] as const).flatMap(qos => [
      fromHere.publishAsync(`up/${qos}`, `${number}`, { qos }),
      fromThere.publishAsync(`down/${qos}`, `${number}`, { qos }),
    ])
    if (number % 60 === 30) await killsOurs()
    if (number % 60 === 50) await restartsTheirs()
    await Promise.all(sent)
  }
  await Promise.all([settled(there.heard, 2 * MESSAGES), settled(here.heard, 2 * MESSAGES)])

  t.equal(faultsOf(there.heard, 'site/up/1').lost, 0)
  t.strictSame(faultsOf(there.heard, 'site/up/2'), { lost: 0, twice: 0 })
  t.equal(faultsOf(here.heard, 'there/down/1').lost, 0)
  t.strictSame(faultsOf(here.heard, 'there/down/2'), { lost: 0, twice: 0 })
})

test('both ways, a message is not sent back; retained ones and the state come; nobody else is the bridge', async t => {
  const { port, theirPort } = await world(t, { topics: [{ direction: 'both', qos: 1 }] })
  const there = await ear(t, theirPort, '#', 'ear')
  const here = await ear(t, port, '#', 'ear')
  const [fromHere, fromThere] = [await publisher(t, port), await publisher(t, theirPort)]
  const state = await ear(t, theirPort, '$SYS/broker/connection/pond/state', 'states')
  while (state.heard.get('$SYS/broker/connection/pond/state 1') === undefined) await aMoment()

  await fromHere.publishAsync('a', 'x', { qos: 1, retain: true })
  await fromThere.publishAsync('b', 'y', { qos: 1, retain: true })
  await Promise.all([settled(there.heard, 2), settled(here.heard, 2)])
  t.strictSame([...there.heard].toSorted(), [
    ['a x', 1],
    ['b y', 1],
  ])
  t.strictSame([...here.heard].toSorted(), [
    ['a x', 1],
    ['b y', 1],
  ])
  const late = await ear(t, theirPort, 'a', 'late')
  await settled(late.heard, 1)
  t.strictSame([...late.heard], [['a x', 1]])

  const stranger = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    clientId: 'bridge:there',
    protocolVersion: 5,
    reconnectPeriod: 0,
  })
  const refusal = await new Promise<Error>(resolve => stranger.on('error', resolve))
  t.match(refusal, { code: 0x85 })
  t.teardown(() => stranger.endAsync(true))
})

test('the log says why there is no connection, and what waits is sent when there is one', async t => {
  const { port, theirPort, ours, restartsTheirs, proxy } = await world(t, { topics: TOPICS })
  const there = await ear(t, theirPort, 'site/up/#', 'ear')
  const fromHere = await publisher(t, port)
  await ours().prints('"bridge.connected"')
  proxy.cut()
  await ours().prints('"bridge.lost"')
  for (let number = 0; number < 50; number++)
    await fromHere.publishAsync('up/x', `${number}`, { qos: 1 })
  await restartsTheirs()
  await settled(there.heard, 50)
  t.equal(there.heard.size, 50)
})
