// Makes one invoice of each order, whoever dies: node invoicer.mjs NAME [dies]
import mqtt from 'mqtt'

const [name = 'one', dies] = process.argv.slice(2)
const options = { clientId: `invoicer-${name}`, protocolVersion: 5 }
const client = await mqtt.connectAsync('mqtt://localhost:1883', options)
let number = Date.now() * 1000 // higher than in any run before

client.on('message', async (topic, order, { properties }) => {
  const id = `invoices.${++number}`
  const send = (what, payload) => client.publishAsync(`$tx/${id}/${what}`, payload, { qos: 1 })
  await send('publish/invoices/new', `invoice for ${order}`)
  if (dies) process.exit(1)
  await send('ack', properties.userProperties['delivery-id']) // settles the order
  await send('commit', '2')
})

const userProperties = { transactional: 'true' }
await client.subscribeAsync('$queue/billing/billing/#', { qos: 1, properties: { userProperties } })
console.log(`invoicer ${name} is ready`)
