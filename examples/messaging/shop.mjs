// Tells stock and billing of an order, both or neither: node shop.mjs ORDER [dies]
import mqtt from 'mqtt'

const [order = 'order-1', dies] = process.argv.slice(2)
const options = { clientId: 'shop', protocolVersion: 5 }
const client = await mqtt.connectAsync('mqtt://localhost:1883', options)

// The number must be higher in each transaction of this client: here, microseconds.
const id = `orders.${Date.now() * 1000}`
const send = (topic, payload) => client.publishAsync(`$tx/${id}/${topic}`, payload, { qos: 1 })

await send('publish/stock/reserve', order)
if (dies) process.exit(1)
await send('publish/billing/invoice', order)
await send('commit', '2') // how many were staged; it is rejected if the broker has another number
console.log(`${order} is with stock and billing`)
await client.endAsync()
