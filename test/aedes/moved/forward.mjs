// A broker that keeps messages of the night from those who sleep, over WebSocket. Prints what happens.
import { Aedes } from 'aedes'
import mqtt from 'mqtt'
import { createServer } from 'node:http'
import { createWebSocketStream, WebSocketServer } from 'ws'

export async function main(print) {
  const broker = await Aedes.createBroker({
    preConnect: (client, packet, done) =>
      done(null, packet.clientId !== 'ghost' || client.req === null),
    authorizeForward: (client, packet) => {
      if (packet.topic === 'night' && client.id === 'sleeper') return null
      if (client.id === 'reader') packet.payload = Buffer.from('*'.repeat(packet.payload.length))
      return packet
    },
    published: (packet, client, done) => {
      if (client) print(`published ${packet.topic} by ${client.id}`)
      done()
    },
  })
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    broker.handle(createWebSocketStream(socket), request)
  })
  await new Promise(resolve => server.listen(0, resolve))
  const url = `ws://127.0.0.1:${server.address().port}`
  const got = { sleeper: [], reader: [] }
  const clients = []
  for (const clientId of Object.keys(got)) {
    const client = await mqtt.connectAsync(url, { clientId })
    client.on('message', (topic, payload) => got[clientId].push(`${topic} ${payload.toString()}`))
    await client.subscribeAsync(['night', 'day'], { qos: 1 })
    clients.push(client)
  }
  const day = new Promise(resolve => clients[0].on('message', resolve))
  await clients[1].publishAsync('night', 'owl', { qos: 1 })
  await clients[1].publishAsync('day', 'lark', { qos: 1 })
  await day
  await new Promise(resolve => setTimeout(resolve, 50))
  print(JSON.stringify(got))
  for (const client of clients) await client.endAsync()
  await new Promise(resolve => broker.close(() => server.close(resolve)))
}
