// Front ends as processes: they serve as one process does, and die without harm to anybody else.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import { CLI } from '../command.ts'
import { serverCertificate } from '../transport/world.ts'
import { FrontEndedBroker, isRunning, until } from './front-ended-broker.ts'

test('clients of all transports meet across front ends, and HTTP is answered', async t => {
  const world = await FrontEndedBroker.start(t, {
    frontEnds: 2,
    listeners: [
      { port: 0 },
      { port: 0, tls: serverCertificate() },
      { port: 0, protocol: 'ws' },
      { port: 0, protocol: 'ws', tls: serverCertificate() },
    ],
  })
  const received: string[] = []
  for (const listener of [0, 1, 2, 3]) {
    const client = await world.client(t, {}, listener)
    client.on('message', (topic, payload) =>
      received.push(`${listener} ${topic} ${payload.toString()}`),
    )
    await client.subscribeAsync('#', { qos: 1 })
  }

  const publisher = await world.client(t)
  await publisher.publishAsync('here', 'everywhere', { qos: 1 })

  await until(() => received.length === 4)
  t.strictSame(
    received.sort(),
    [0, 1, 2, 3].map(each => `${each} here everywhere`),
  )
  const answer = await fetch(`${world.url(2).replace('ws:', 'http:')}/healthz`)
  t.equal(answer.status, 200)
})

/** Publishes one message after the other at QoS 1, and remembers what was acknowledged. */
class Publisher {
  readonly acknowledged: string[] = []
  #isOver = false
  readonly #client: MqttClient
  readonly #done: Promise<void>

  constructor(client: MqttClient, name: string) {
    this.#client = client
    this.#done = this.#publishes(name)
  }

  async #publishes(name: string): Promise<void> {
    for (let count = 1; !this.#isOver; count++) {
      const said = `${name} ${count}`
      await this.#client.publishAsync(`load/${name}`, said, { qos: 1 })
      this.acknowledged.push(said)
    }
  }

  async ends(): Promise<void> {
    this.#isOver = true
    await this.#done
  }
}

/** Six publishers and a subscriber, half of them on each of two front ends, while `harms` does something to the first. */
async function underLoad(
  t: Test,
  harms: (world: FrontEndedBroker, first: number) => Promise<void>,
) {
  const world = await FrontEndedBroker.start(t, { frontEnds: 2 })
  const received = new Set<string>()
  const closings = new Map<string, number>()
  const clients: MqttClient[] = []
  for (let count = 0; count < 8; count++) {
    const clientId = `client-${count}`
    const client = await world.client(t, { clientId, clean: false, reconnectPeriod: 20 })
    closings.set(clientId, 0)
    client.on('close', () => closings.set(clientId, (closings.get(clientId) ?? 0) + 1))
    clients.push(client)
  }
  for (const subscriber of clients.slice(6)) {
    subscriber.on('message', (_topic, payload) => received.add(payload.toString()))
    await subscriber.subscribeAsync('load/#', { qos: 1 })
  }
  const publishers = clients.slice(0, 6).map((client, index) => new Publisher(client, `${index}`))
  await until(() => publishers.every(({ acknowledged }) => acknowledged.length > 20))

  const [first = 0] = world.processes
  await harms(world, first)

  const before = publishers.map(({ acknowledged }) => acknowledged.length)
  await until(() =>
    publishers.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0) + 20),
  )
  await Promise.all(publishers.map(publisher => publisher.ends()))
  const all = publishers.flatMap(({ acknowledged }) => acknowledged)
  await until(() => all.every(said => received.has(said)))
  const closed = [...closings.values()]
  t.equal(closed.filter(times => times === 0).length, 4, 'the clients of the other one stay')
  t.equal(closed.filter(times => times > 0).length, 4, 'those of the first come back')
  return world
}

test('a front end that is killed under load takes nothing that was acknowledged with it', async t => {
  const world = await underLoad(t, async ({ lines }, first) => {
    process.kill(first, 'SIGKILL')
    await until(() => lines.some(({ event }) => event === 'front-end.failed'))
  })

  await until(() => world.processes.length === 3)
  const [failure] = world.said('front-end.failed')
  t.equal(failure?.['cause'], 'its process ended by SIGKILL')
})

test('a front end that is frozen under load is ended, and the others go on meanwhile', async t => {
  const world = await underLoad(t, async ({ lines }, first) => {
    process.kill(first, 'SIGSTOP')
    await until(() => lines.some(({ event }) => event === 'front-end.failed'))
  })

  await until(() => world.processes.length === 3)
  const [failure] = world.said('front-end.failed')
  t.equal(failure?.['cause'], 'it does not answer')
})

test('a client id that comes back through another front end takes its session over', async t => {
  const world = await FrontEndedBroker.start(t, { frontEnds: 2 })
  const old = await world.client(t, { clientId: 'one', protocolVersion: 5 })
  const told = new Promise(reason => old.once('disconnect', packet => reason(packet.reasonCode)))

  const next = await world.client(t, { clientId: 'one', protocolVersion: 5 })

  t.equal(await told, 0x8e)
  t.ok(next.connected)
})

test('clients are told when the broker stops, through their front ends', async t => {
  const world = await FrontEndedBroker.start(t, { frontEnds: 2 })
  const reasons = new Set<number | undefined>()
  for (const clientId of ['one', 'two']) {
    const client = await world.client(t, { clientId, protocolVersion: 5 })
    client.on('disconnect', ({ reasonCode }) => reasons.add(reasonCode))
  }

  await world.broker.close()

  await until(() => reasons.size > 0)
  t.strictSame([...reasons], [0x8b])
})

test('a client that comes while no front end runs is served by the next one', async t => {
  const world = await FrontEndedBroker.start(t, { frontEnds: 1 })
  const [first = 0] = world.processes
  process.kill(first, 'SIGKILL')
  await until(() => world.said('front-end.failed').length === 1)

  const client = await world.client(t, { clientId: 'late' })

  t.ok(client.connected)
  t.equal(world.processes.length, 2)
})

test('front ends that fail one time after the other are started after growing delays', async t => {
  const world = await FrontEndedBroker.start(t, { frontEnds: 1 })
  for (let count = 1; count <= 3; count++) {
    await until(() => world.processes.length === count)
    process.kill(world.processes.at(-1) ?? 0, 'SIGKILL')
  }
  await until(() => world.said('front-end.failed').length === 3)

  t.strictSame(
    world.said('front-end.failed').map(({ restartMs }) => restartMs),
    [0, 2_000, 4_000],
  )
})

test(
  'a front end has none of the rights of root, and nothing of the environment',
  { skip: process.getuid?.() !== 0 && 'only root has rights to give up' },
  async t => {
    process.env['PONDHAWK_TEST_SECRET'] = 'of the broker'
    t.teardown(() => delete process.env['PONDHAWK_TEST_SECRET'])

    const world = await FrontEndedBroker.start(t, { frontEnds: 1 })

    const [pid] = world.processes
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    t.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m)
    t.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m)
    t.match(status, /^Groups:\t65534 $/m)
    t.match(status, /^CapEff:\t0+$/m)
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
    t.notMatch(environment, 'of the broker')
  },
)

test('front ends end with a broker that closes, and with one that is killed', async t => {
  const world = await FrontEndedBroker.start(t, { frontEnds: 2 })
  await world.broker.close()
  await until(() => !world.processes.some(isRunning))

  const directory = t.testdir({
    'pondhawk.yaml':
      'listeners: [{ port: 0 }]\nfrontEnds: 2\nstore: { durability: memory }\nlog: { format: json }\n',
  })
  const args = ['start', '--config', resolve(directory, 'pondhawk.yaml')]
  const broker = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => broker.kill('SIGKILL'))
  let output = ''
  broker.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await until(() => output.includes('"broker.ready"'))
  const pids = [...output.matchAll(/"front-end\.ready".*?"pid":(\d+)/g)].map(([, pid]) =>
    Number(pid),
  )
  t.equal(pids.length, 2)
  t.ok(pids.every(isRunning))

  broker.kill('SIGKILL')
  await once(broker, 'exit')

  await until(() => !pids.some(isRunning))
})
