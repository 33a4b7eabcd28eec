// Paho for Python as Debian ships it, and asyncio-mqtt, which is built on it.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../test/interop/programs.ts'
import { debianVersion } from '../programs.ts'
import { assertEqual, type Ground, LOGIN, type Trial, within } from '../trial.ts'

const COMBINATIONS = [
  ['tcp', 'MQTTv31', '3.1'],
  ['tcp', 'MQTTv311', '3.1.1'],
  ['tcp', 'MQTTv5', '5.0'],
  ['websockets', 'MQTTv311', '3.1.1'],
  ['websockets', 'MQTTv5', '5.0'],
] as const

/** Python's own words: 300 messages at each QoS to oneself, by the host's name as people write it. */
const PROGRAM = `
import sys, threading
import paho.mqtt.client as mqtt
transport, protocol, port = sys.argv[1], getattr(mqtt, sys.argv[2]), int(sys.argv[3])
heard, done = {0: 0, 1: 0, 2: 0}, threading.Event()
def on_connect(client, *_):
    client.subscribe('paho/#', 2)
def on_subscribe(client, *_):
    for qos in (0, 1, 2):
        for i in range(300):
            client.publish('paho/%d' % qos, str(i), qos)
def on_message(client, _data, message):
    heard[message.qos] += 1
    if sum(heard.values()) == 900:
        done.set()
client = mqtt.Client('paho', protocol=protocol, transport=transport)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
if len(sys.argv) > 4:
    client.username_pw_set(sys.argv[4], sys.argv[5])
client.connect('localhost', port)
client.loop_start()
done.wait(30)
client.disconnect()
client.loop_stop()
print(heard)
`

const ASYNCIO = `
import asyncio, sys
from asyncio_mqtt import Client
async def main():
    async with Client('localhost', int(sys.argv[1])) as client:
        async with client.messages() as messages:
            await client.subscribe('a/#', 1)
            await client.publish('a/b', 'x', qos=1)
            async for message in messages:
                print(message.topic, message.payload.decode())
                return
asyncio.run(main())
`

export const pahoPython: readonly Trial[] = [
  ...COMBINATIONS.map(([transport, protocol, version]) => ({
    program: `Paho for Python over ${transport === 'tcp' ? 'TCP' : 'WebSocket'}, MQTT ${version}`,
    what: '300 messages at each QoS to itself, by the name localhost',
    version: () => debianVersion('python3-paho-mqtt'),
    run: (ground: Ground) => within(60, exchange(ground, transport, protocol)),
  })),
  {
    program: 'Paho for Python over TCP, MQTT 5.0, with user and password',
    what: 'the same, at a broker that knows one user and has a line of rules',
    needsLogin: true,
    version: () => debianVersion('python3-paho-mqtt'),
    run: ground => within(60, exchange(ground, 'tcp', 'MQTTv5', [LOGIN.username, LOGIN.password])),
  },
  {
    program: 'asyncio-mqtt (what Home Assistant add-ons are built on)',
    what: 'subscribe, publish and receive at QoS 1',
    version: () => debianVersion('python3-asyncio-mqtt'),
    run: ground => within(60, exchangeAsyncio(ground)),
  },
]

async function exchange(
  ground: Ground,
  transport: string,
  protocol: string,
  login: readonly string[] = [],
): Promise<void> {
  const file = join(ground.directory, 'trial.py')
  writeFileSync(file, PROGRAM)
  const port = transport === 'tcp' ? ground.tcpPort : ground.webSocketPort
  const words = [file, transport, protocol, `${port}`, ...login]
  const { output, errors } = await run('/usr/bin/python3', words)
  assertEqual(output.trim(), '{0: 300, 1: 300, 2: 300}', errors.slice(-300))
}

async function exchangeAsyncio({ directory, tcpPort }: Ground): Promise<void> {
  const file = join(directory, 'trial.py')
  writeFileSync(file, ASYNCIO)
  const { output, errors } = await run('/usr/bin/python3', [file, `${tcpPort}`])
  assertEqual(output.trim(), 'a/b x', errors.slice(-300))
}
