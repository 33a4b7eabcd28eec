// A broker whose program publishes, listens and answers. Prints what happens.
import { Aedes } from 'aedes'
import mqtt from 'mqtt'
import { createServer } from 'node:net'

export async function main(print) {
  const broker = await Aedes.createBroker({ id: 'house', heartbeatInterval: 1000 })
  const server = createServer(broker.handle)
  await new Promise(resolve => server.listen(0, resolve))

  broker.subscribe(
    'rooms/+/wish',
    (packet, done) => {
      const topic = packet.topic.replace('wish', 'state')
      broker.publish({ topic, payload: packet.payload, qos: 1, retain: true }, done)
    },
    () => {},
  )
  const client = mqtt.connect({ port: server.address().port, clientId: 'panel' })
  const messages = []
  const seen = new Promise(resolve => {
    client.on('message', (topic, payload, { retain }) => {
      messages.push(`${topic} ${payload.toString()} ${retain}`)
      if (messages.length === 2) resolve()
    })
  })
  await client.subscribeAsync('rooms/+/state')
  await client.publishAsync('rooms/1/wish', 'warm', { qos: 1 })
  await client.publishAsync('rooms/2/wish', 'cold', { qos: 1 })
  await seen
  for (const message of messages.sort()) print(message)

  const late = mqtt.connect({ port: server.address().port, clientId: 'late' })
  const got = new Promise(resolve => {
    late.on('message', (topic, payload, { retain }) =>
      resolve(`${topic} ${payload.toString()} ${retain}`),
    )
  })
  await late.subscribeAsync('rooms/2/state')
  print(await got)
  print(`${broker.connectedClients} clients: ${Object.keys(broker.clients).sort().join()}`)
  await client.endAsync()
  await late.endAsync()
  await new Promise(resolve => broker.close(() => server.close(resolve)))
}
