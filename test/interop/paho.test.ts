// paho-mqtt for Python: the client of Home Assistant and most scripts.

import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { brokerOnPort, run } from './programs.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const SCRIPT = resolve(ROOT, 'test/interop/paho-client.py')

for (const [name, version] of [
  ['3.1', '3'],
  ['3.1.1', '4'],
  ['5.0', '5'],
] as const) {
  test(`paho-mqtt exchanges messages at every QoS over MQTT ${name}`, async t => {
    const { broker, port } = await brokerOnPort()
    t.teardown(() => broker.close())

    // Debian's own Python has Debian's paho.
    const { output, errors } = await run('/usr/bin/python3', [SCRIPT, `${port}`, version])

    t.equal(output, 'paho/q0 qos 0\npaho/q1 qos 1\npaho/q2 qos 2\n', errors)
  })
}
