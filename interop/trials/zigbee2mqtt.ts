// zigbee2mqtt's own class for MQTT: what it says at a start with thousands of devices, and its large retained lists.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../test/interop/programs.ts'
import { nodeProgram, npmFolder, npmVersion } from '../programs.ts'
import { assertEqual, type Ground, type Trial, within } from '../trial.ts'

export const zigbee2mqtt: readonly Trial[] = ([4, 5] as const).map(version => ({
  program: `zigbee2mqtt, MQTT ${version === 4 ? '3.1.1' : '5.0'}`,
  what: 'its MQTT class: will, 5,000 device states at once, retained lists of 0.9 and 3 MB, goodbye',
  version: async () => npmVersion('zigbee2mqtt'),
  run: ground => within(120, exchange(ground, version)),
}))

const PROGRAM = `
const root = process.argv[2]
require(root + '/dist/util/logger').default.init()
const EventBus = require(root + '/dist/eventBus').default
const Mqtt = require(root + '/dist/mqtt').default
async function main() {
  const mqtt = new Mqtt(new EventBus())
  await mqtt.connect()
  // Until it hears this itself it publishes what is retained again, two seconds after it has connected.
  await mqtt.publish('bridge/info', '{}', { clientOptions: { retain: true, qos: 1 } })
  const all = []
  for (let i = 0; i < 5000; i++) {
    const clientOptions = { qos: 1, retain: i % 10 === 0 }
    all.push(mqtt.publish('device/' + i, JSON.stringify({ state: i }), { clientOptions }))
  }
  await Promise.all(all)
  await mqtt.publish('bridge/devices', 'x'.repeat(900000), { clientOptions: { retain: true } })
  await mqtt.publish('bridge/definitions', 'y'.repeat(3000000), { clientOptions: { retain: true, qos: 1 } })
  await mqtt.disconnect()
  console.log('all said')
  process.exit(0)
}
main()
`

async function exchange({ broker, directory, tcpPort }: Ground, version: 4 | 5): Promise<void> {
  const data = join(directory, 'zigbee2mqtt')
  mkdirSync(data)
  const settings = `version: 5
mqtt:
  server: mqtt://127.0.0.1:${tcpPort}
  version: ${version}
serial:
  port: /dev/null
advanced:
  log_output: []
`
  writeFileSync(join(data, 'configuration.yaml'), settings)
  writeFileSync(join(data, 'trial.cjs'), PROGRAM)
  const heard = new Map<string, number>()
  let devices = 0
  broker.subscribe('zigbee2mqtt/#', ({ topic, payload }) => {
    if (topic.startsWith('zigbee2mqtt/device/')) devices += 1
    else heard.set(topic.slice('zigbee2mqtt/'.length), payload.length)
  })
  const words = [join(data, 'trial.cjs'), npmFolder('zigbee2mqtt')]
  const { output, errors } = await run('env', [`ZIGBEE2MQTT_DATA=${data}`, nodeProgram(), ...words])
  assertEqual(output.includes('all said'), true, `${output}${errors}`.slice(-300))
  assertEqual(devices, 5_000, 'states of devices')
  const lists = [heard.get('bridge/devices'), heard.get('bridge/definitions')]
  assertEqual(lists, [900_000, 3_000_000], 'the retained lists')
}
