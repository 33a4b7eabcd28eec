// One worker of the queue `jobs`: node worker.mjs NAME
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'

const name = process.argv[2] ?? 'one'
const client = await mqtt.connectAsync('mqtt://localhost:1883', {
  clientId: `worker-${name}`,
  protocolVersion: 5,
  properties: { receiveMaximum: 1 }, // one job at a time; the others wait in the queue
  // The message is acknowledged when the work is done, and refused (0x80) when it failed.
  customHandleAcks: (topic, payload, packet, done) => {
    const times = packet.properties?.userProperties?.['delivery-count'] ?? 1
    work(payload.toString(), times).then(
      () => done(null, 0),
      error => (console.log(`${name}: ${error.message}`), done(null, 0x80)),
    )
  },
})

async function work(job, times) {
  console.log(`${name} begins ${job}, handed out ${times} times`)
  if (job === 'nonsense') throw new Error('nobody can do nonsense')
  await sleep(1000)
  console.log(`${name} has done ${job}`)
}

// Settings count when the first worker makes the queue.
const userProperties = { retryDelaySeconds: '0', deliveriesMax: '3' }
await client.subscribeAsync('$queue/jobs/work/#', { qos: 1, properties: { userProperties } })
writeFileSync(`${name}.pid`, String(process.pid))
console.log(`${name} is ready`)
