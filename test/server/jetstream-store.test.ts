// A broker whose log lies in a stream of NATS JetStream.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { test } from 'tap'
import { type ConfigInput, createBroker } from '../../src/index.ts'
import { connectNats } from '../../src/store/jetstream/nats.ts'
import { brokerOnPort } from '../interop/programs.ts'
import { NatsServer } from '../../crash/brokers/nats-server.ts'
import { SKIP } from '../store/nats.ts'

const CLIENTS = 20
const MESSAGES = 200

test(
  'a broker has its sessions again, and appends fewer than one frame for 50 messages under load',
  { skip: SKIP },
  async t => {
    const place = t.testdir()
    mkdirSync(join(place, 'nats'))
    const nats = new NatsServer(join(place, 'nats'))
    await nats.start()
    t.teardown(() => nats.stop())
    const store: ConfigInput['store'] = {
      directory: join(place, 'data'),
      jetstream: { servers: [nats.url] },
    }
    const first = await brokerOnPort({ store })
    t.equal(first.broker.durability, 'os')
    const session = { clientId: 'till', clean: false, reconnectPeriod: 0 } as const
    const till = await mqtt.connectAsync({ port: first.port, ...session })
    await till.subscribeAsync('orders/#', { qos: 1 })
    await till.endAsync()

    const before = await appended(nats.url)
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => mqtt.connectAsync({ port: first.port })),
    )
    await Promise.all(
      clients.flatMap(client =>
        Array.from({ length: MESSAGES }, () => client.publishAsync('orders/1', 'x', { qos: 1 })),
      ),
    )
    const frames = (await appended(nats.url)) - before
    const each = (CLIENTS * MESSAGES) / frames
    t.ok(each >= 50, `${each} messages a frame`)
    await Promise.all(clients.map(client => client.endAsync()))
    await first.broker.close()

    const second = await brokerOnPort({ store })
    let received = 0
    const all = new Promise<void>(resolve => {
      const again = mqtt.connect({ port: second.port, ...session })
      again.on('message', () => {
        received += 1
        if (received === CLIENTS * MESSAGES) again.end(() => resolve())
      })
    })
    await all
    t.equal(received, CLIENTS * MESSAGES)
    await second.broker.close()
  },
)

test('a folder with a store in files is not left behind', { skip: SKIP }, async t => {
  const directory = t.testdir()
  writeFileSync(join(directory, 'segment-00000001.log'), '')
  await t.rejects(
    createBroker({ store: { directory, jetstream: { servers: ['nats://127.0.0.1:1'] } } }),
    /has a store in files, which one in JetStream would leave behind/,
  )
})

/** The messages that the log has had. */
async function appended(server: string): Promise<number> {
  const { connection } = await connectNats({ servers: [server] })
  const { data } = await connection.request('$JS.API.STREAM.INFO.pondhawk', '', { timeout: 2_000 })
  await connection.close()
  const { state } = JSON.parse(Buffer.from(data).toString()) as { state: { last_seq: number } }
  return state.last_seq
}
