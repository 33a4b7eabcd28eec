// Writes a sample store with every kind of content, by packets of clients to a broker, and ends like a killed
// process: `node dist/test/store/write-sample.js DIRECTORY log|checkpoint`. The samples of `samples.test.ts` were written
// with it, each by the version in its name.

import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBroker } from '../../src/index.ts'
import { NO_PROPERTIES, type Properties, type Will } from '../../src/packet/packet.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { ACKNOWLEDGED, SampleClient } from './sample-client.ts'

const NEVER_SECONDS = 0xffff_ffff
function stored(more: Properties = NO_PROPERTIES): Properties {
  return { sessionExpiryInterval: NEVER_SECONDS, ...more }
}

function willOf(topic: string, properties: Properties): Will {
  return { topic, payload: Buffer.from('gone'), qos: 1, retain: false, properties }
}

/** One client that has all that a session may have. */
async function fillSession(port: number, publisher: SampleClient): Promise<void> {
  const reader = new SampleClient(port)
  await reader.connects('reader', stored({ receiveMaximum: 3 }), willOf('will/reader', {}))
  await reader.subscribes('a/#', 1, { subscriptionIdentifiers: [5] })
  await reader.subscribes('b/+', 2)
  await publisher.publishes('a/1', 'in flight at QoS 1', 1)
  await publisher.publishes('b/1', 'in flight at QoS 2', 2)
  await publisher.publishes('b/2', 'received at QoS 2', 2)
  for (let count = 0; count < 3; count++) {
    const packet = await reader.receives('publish')
    if (packet.type !== 'publish' || packet.topic !== 'b/2') continue
    reader.says({ type: 'pubrec', packetId: packet.packetId, ...ACKNOWLEDGED })
    await reader.receives('pubrel')
  }
  await reader.publishes('c', 'begun by the reader', 2, { packetId: 77, isLeftOpen: true })
  await reader.vanishes()
  const userProperties = [['name', 'value']] as const
  await publisher.publishes('a/2', 'waits', 1, { properties: { userProperties } })
  for (let count = 0; count < 5; count++) await publisher.publishes('b/3', `waits ${count}`, 2)
}

/** A group with members of every kind, messages on their way to each, and others that wait. */
async function fillGroup(port: number, publisher: SampleClient): Promise<void> {
  const one = new SampleClient(port)
  await one.connects('one', stored({ receiveMaximum: 1 }))
  const userProperties = [
    ['strategy', 'least-in-flight'],
    ['weight', '3'],
  ] as const
  await one.subscribes('$share/g/w/#', 1, { subscriptionIdentifiers: [9], userProperties })
  const two = new SampleClient(port)
  await two.connects('two', stored({ receiveMaximum: 1 }))
  await two.subscribes('$share/g/w/#', 2)
  const three = new SampleClient(port)
  await three.connects('three', { receiveMaximum: 1 })
  await three.subscribes('$share/g/w/#', 2)
  for (let count = 0; count < 8; count++) {
    await publisher.publishes(`w/${count}`, `work ${count}`, 2, { retain: count === 7 })
  }
  for (const member of [one, two, three]) await member.receives('publish')
}

const [directory = '', kind = ''] = process.argv.slice(2)
const store = new FileStore(directory, kind === 'checkpoint' ? { checkpointBytes: 1 } : {})
const listeners = [{ host: '127.0.0.1', port: 0 }]
// A sample is as fresh in years to come.
const limits = { sessionExpirySecondsMax: NEVER_SECONDS }
const broker = await createBroker({ store, listeners, limits })
const port = broker.listeners[0]?.port ?? 0
const publisher = new SampleClient(port)
await publisher.connects('publisher', NO_PROPERTIES)
await fillSession(port, publisher)
await fillGroup(port, publisher)
await publisher.publishes('r/1', 'retained', 1, { retain: true })
await publisher.publishes('r/1', 'retained later', 1, { retain: true })
await publisher.publishes('r/2', 'cleared', 1, { retain: true })
await publisher.publishes('r/2', '', 1, { retain: true })
const delayed = new SampleClient(port)
await delayed.connects('delayed', stored(), willOf('will/delayed', { willDelayInterval: 1e9 }))
await delayed.vanishes()
if (kind === 'checkpoint') {
  for (let count = 0; count < 60; count++)
    await publisher.publishes('r/3', `${count}`, 1, { retain: true })
  await sleep(1_000)
  console.log(readdirSync(directory).join('\n'))
}
process.kill(process.pid, 'SIGKILL')
