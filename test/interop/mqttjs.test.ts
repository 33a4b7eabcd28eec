// MQTT.js 5: the client of MQTTX, MQTT Explorer, zigbee2mqtt and most programs on Node.

import mqtt, { type IClientOptions, type IDisconnectPacket, type IPublishPacket } from 'mqtt'
import { type Test, test } from 'tap'
import { brokerOnPort } from './programs.ts'

async function client(url: string, options: IClientOptions): Promise<mqtt.MqttClient> {
  return mqtt.connectAsync(url, { reconnectPeriod: 0, ...options })
}

/** Two clients of a broker of their own, until the test ends. */
async function readerAndWriter(
  t: Test,
  protocolVersion: 4 | 5,
): Promise<{ readonly reader: mqtt.MqttClient; readonly writer: mqtt.MqttClient }> {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const url = `mqtt://127.0.0.1:${port}`
  const reader = await client(url, { protocolVersion })
  const writer = await client(url, { protocolVersion })
  t.teardown(() => Promise.all([reader.endAsync(), writer.endAsync()]))
  return { reader, writer }
}

function messageOf(reader: mqtt.MqttClient): Promise<IPublishPacket> {
  return new Promise(resolve => {
    reader.once('message', (_topic, _payload, packet) => resolve(packet))
  })
}

for (const [transport, protocol] of [
  ['TCP', 'mqtt'],
  ['WebSocket', 'ws'],
] as const) {
  for (const protocolVersion of [4, 5] as const) {
    test(`MQTT.js exchanges messages at every QoS over ${transport}, version ${protocolVersion}`, async t => {
      const { broker, port } = await brokerOnPort({
        listeners: [{ host: '127.0.0.1', port: 0, protocol: protocol === 'ws' ? 'ws' : 'mqtt' }],
      })
      t.teardown(() => broker.close())
      const url = `${protocol}://127.0.0.1:${port}`
      const reader = await client(url, { protocolVersion, clientId: 'reader' })
      const writer = await client(url, { protocolVersion, clientId: 'writer' })
      t.teardown(() => Promise.all([reader.endAsync(), writer.endAsync()]))
      const heard: string[] = []
      reader.on('message', (topic, payload) => heard.push(`${topic} ${payload.toString()}`))
      await reader.subscribeAsync('pond/+', { qos: 2 })

      for (const qos of [0, 1, 2] as const) await writer.publishAsync(`pond/q${qos}`, 'x', { qos })
      while (heard.length < 3) await messageOf(reader)

      t.strictSame(heard, ['pond/q0 x', 'pond/q1 x', 'pond/q2 x'])
    })
  }
}

test('properties of MQTT 5 arrive as they were sent', async t => {
  const { reader, writer } = await readerAndWriter(t, 5)
  await reader.subscribeAsync('a', { qos: 1, properties: { subscriptionIdentifier: 9 } })

  const message = messageOf(reader)
  await writer.publishAsync('a', 'x', {
    qos: 1,
    properties: {
      contentType: 'text/plain',
      responseTopic: 'answers',
      correlationData: Buffer.from('7'),
      userProperties: { unit: 'metre' },
      messageExpiryInterval: 60,
    },
  })
  const packet = await message

  t.match(packet.properties, {
    contentType: 'text/plain',
    responseTopic: 'answers',
    correlationData: Buffer.from('7'),
    userProperties: { unit: 'metre' },
    subscriptionIdentifier: 9,
    messageExpiryInterval: 60,
  })
})

test('a second client with the same id takes the session over, and the first hears why', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const url = `mqtt://127.0.0.1:${port}`
  const first = await client(url, { protocolVersion: 5, clientId: 'twin' })
  const disconnected = new Promise<IDisconnectPacket>(resolve => first.once('disconnect', resolve))

  const second = await client(url, { protocolVersion: 5, clientId: 'twin' })
  t.teardown(() => second.endAsync())
  const packet = await disconnected

  t.equal(packet.reasonCode, 0x8e)
})

test('a thousand messages of QoS 2 in flight at once arrive once each and in order', async t => {
  const { reader, writer } = await readerAndWriter(t, 4)
  const heard: number[] = []
  reader.on('message', (_topic, payload) => heard.push(Number(payload.toString())))
  await reader.subscribeAsync('n', { qos: 2 })

  const numbers = Array.from({ length: 1_000 }, (_, index) => index)
  await Promise.all(numbers.map(number => writer.publishAsync('n', `${number}`, { qos: 2 })))
  while (heard.length < 1_000) await messageOf(reader)

  t.strictSame(heard, numbers)
})

test('payloads of any size arrive as they were sent, many at once and at each QoS', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const url = `mqtt://127.0.0.1:${port}`
  const reader = await mqtt.connectAsync(url, { reconnectPeriod: 0 })
  t.teardown(() => reader.endAsync())
  const sizes = [0, 1, 63, 64, 65, 1_000, 16_370, 16_384, 20_000, 65_536, 70_000, 300_000]
  const wanted = 3 * 3 * sizes.length
  const wrong: string[] = []
  let count = 0
  const all = new Promise<void>(done =>
    reader.on('message', (topic, payload) => {
      const [, seed = '', size = ''] = topic.split('/')
      if (!payload.equals(patterned(Number(seed), Number(size)))) wrong.push(topic)
      count += 1
      if (count === wanted) done()
    }),
  )
  await reader.subscribeAsync('sized/#', { qos: 2 })
  const writers = await Promise.all(
    [0, 1, 2].map(() => mqtt.connectAsync(url, { reconnectPeriod: 0 })),
  )
  t.teardown(() => Promise.all(writers.map(writer => writer.endAsync())))

  await Promise.all(
    writers.flatMap((writer, index) =>
      sizes.flatMap((size, place) =>
        ([0, 1, 2] as const).map(qos => {
          const seed = index * 100 + place * 3 + qos
          return writer.publishAsync(`sized/${seed}/${size}`, patterned(seed, size), { qos })
        }),
      ),
    ),
  )
  await all

  t.strictSame(wrong, [])
})

/** Bytes that are like no others'. */
function patterned(seed: number, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => (seed * 31 + index * 7) & 0xff))
}

for (const qos of [1, 2] as const) {
  test(`MQTT.js at version 5 may send a burst of 5,000 at QoS ${qos}: it does not look at our Receive Maximum`, async t => {
    const { reader, writer } = await readerAndWriter(t, 5)
    let heard = 0
    const all = new Promise<void>(resolve => {
      reader.on('message', () => {
        heard += 1
        if (heard === 5_000) resolve()
      })
    })
    await reader.subscribeAsync('burst', { qos })

    await Promise.all(
      Array.from({ length: 5_000 }, (_, index) =>
        writer.publishAsync('burst', `${index}`, { qos }),
      ),
    )
    await all

    t.ok(writer.connected)
    t.equal(heard, 5_000)
  })
}
