// A broker with users, each with topics of their own. Prints what happens.
import { Aedes } from 'aedes'
import mqtt from 'mqtt'
import { createServer } from 'node:net'

const passwords = { ada: 'lovelace', grace: 'hopper' }

export async function main(print) {
  const broker = await Aedes.createBroker()
  broker.authenticate = (client, username, password, done) => {
    const error = new Error('Auth error')
    error.returnCode = 4
    if (passwords[username] !== password?.toString()) return done(error, null)
    client.user = username
    done(null, true)
  }
  broker.authorizePublish = (client, packet, done) => {
    if (client !== null && !packet.topic.startsWith(`${client.user}/`)) return done(new Error('no'))
    packet.payload = Buffer.from(`${client.user}: ${packet.payload.toString()}`)
    done(null)
  }
  broker.authorizeSubscribe = (client, subscription, done) => {
    done(null, subscription.topic.startsWith('ada/') ? subscription : null)
  }
  broker.on('clientError', (client, error) => print(`${client.id}: ${error.message}`))

  const server = createServer(broker.handle)
  await new Promise(resolve => server.listen(0, resolve))
  const options = { port: server.address().port, reconnectPeriod: 0 }

  const ada = mqtt.connect({ ...options, clientId: 'a', username: 'ada', password: 'lovelace' })
  ada.on('message', (topic, payload) => print(`${topic} ${payload.toString()}`))
  const [granted] = await ada.subscribeAsync('ada/#')
  print(`granted ${granted.qos}`)
  await ada.publishAsync('ada/1', 'hello', { qos: 1 })
  await ada.subscribeAsync('grace/#').catch(error => print(error.message))
  const wrong = mqtt.connect({ ...options, clientId: 'w', username: 'ada', password: 'hopper' })
  await new Promise(resolve => wrong.on('error', resolve))
  const closed = new Promise(resolve => ada.on('close', resolve))
  ada.publish('grace/1', 'hello')
  await closed
  await new Promise(resolve => broker.close(() => server.close(resolve)))
}
