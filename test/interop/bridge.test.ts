// Debian's mosquitto as a bridge to us, with its own defaults: at every version, in both directions, over restarts of
// either side.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { test, type Test } from 'tap'
import type { EmbeddedBroker } from '../../src/index.ts'
import { brokerOnPort, freePort, Program } from './programs.ts'

const VERSIONS = ['mqttv31', 'mqttv311', 'mqttv50'] as const

/** mosquitto with a bridge to our port, and its own clients' port. */
class Mosquitto {
  readonly port: number
  readonly #file: string
  #program: Program

  constructor(directory: string, port: number, ourPort: number, version: string) {
    this.port = port
    this.#file = join(directory, 'bridge.conf')
    writeFileSync(
      this.#file,
      [
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        'user root',
        'connection b',
        `address 127.0.0.1:${ourPort}`,
        'local_clientid pond-local',
        'remote_clientid pond.b',
        'restart_timeout 1',
        'cleansession false',
        `bridge_protocol_version ${version}`,
        'topic # both 2',
        '',
      ].join('\n'),
    )
    this.#program = this.#started()
  }

  async restarts(): Promise<void> {
    await this.#program.killed()
    this.#program = this.#started()
  }

  async ends(): Promise<void> {
    await this.#program.killed()
  }

  #started(): Program {
    return new Program('/usr/sbin/mosquitto', ['-c', this.#file])
  }
}

/** What a client has heard, without the states of connections, each as `topic payload qos retain`. */
class Ear {
  readonly client: MqttClient
  readonly heard: string[] = []
  readonly #states: string[] = []

  private constructor(client: MqttClient) {
    this.client = client
    client.on('message', (topic, payload, { qos, retain }) => {
      if (topic.endsWith('/state')) this.#states.push(payload.toString())
      else this.heard.push(`${topic} ${payload.toString()} q${qos}${retain ? ' retain' : ''}`)
    })
  }

  static async at(t: Test, port: number): Promise<Ear> {
    const client = mqtt.connect({
      port,
      host: '127.0.0.1',
      reconnectPeriod: 200,
      protocolVersion: 4,
    })
    const ear = new Ear(client)
    t.teardown(() => client.endAsync(true))
    await client.subscribeAsync(['#', '$SYS/broker/connection/#'], { qos: 2 })
    return ear
  }

  async hears(text: string): Promise<void> {
    while (!this.heard.some(each => each.startsWith(text))) await aMoment()
  }

  /** The next of its states that is this one. */
  async hearsState(state: string): Promise<void> {
    while (!this.#states.includes(state)) await aMoment()
    this.#states.splice(0, this.#states.indexOf(state) + 1)
  }
}

function aMoment(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 20))
}

interface Scene {
  broker: EmbeddedBroker
  readonly port: number
  readonly directory: string
  readonly mosquitto: Mosquitto
}

async function bridged(t: Test, version: string): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-bridge-'))
  const options = { store: { durability: 'fsync', directory: join(directory, 'store') } } as const
  const { broker, port } = await brokerOnPort(options)
  const mosquitto = new Mosquitto(directory, await freePort(), port, version)
  const scene: Scene = { broker, port, directory, mosquitto }
  t.teardown(async () => {
    await mosquitto.ends()
    await scene.broker.close()
    rmSync(directory, { recursive: true })
  })
  return scene
}

for (const version of VERSIONS) {
  test(`a bridge of mosquitto at ${version} carries every QoS both ways, over restarts of either side`, async t => {
    const scene = await bridged(t, version)
    const ours = await Ear.at(t, scene.port)
    await ours.hearsState('1')
    const theirs = await Ear.at(t, scene.mosquitto.port)

    for (const qos of [0, 1, 2] as const) {
      await ours.client.publishAsync(`down/${qos}`, 'x', { qos, retain: qos === 1 })
      await theirs.hears(`down/${qos} x q${qos}`)
      await theirs.client.publishAsync(`up/${qos}`, 'y', { qos, retain: qos === 1 })
      await ours.hears(`up/${qos} y q${qos}`)
    }

    t.equal(ours.heard.filter(each => each.startsWith('up')).length, 3, 'each once, no echo')
    t.equal(theirs.heard.filter(each => each.startsWith('down')).length, 3, 'each once')
    const late = await Ear.at(t, scene.mosquitto.port)
    await late.hears('down/1 x q1 retain')
    const lateHere = await Ear.at(t, scene.port)
    await lateHere.hears('up/1 y q1 retain')

    await scene.mosquitto.restarts()
    await ours.hearsState('0')
    await ours.client.publishAsync('while/away', 'z', { qos: 1, retain: true })
    await ours.hearsState('1')
    const again = await Ear.at(t, scene.mosquitto.port)
    await again.hears('while/away z')

    await scene.broker.close()
    scene.broker = (
      await brokerOnPort({
        listeners: [{ port: scene.port }],
        store: { durability: 'fsync', directory: join(scene.directory, 'store') },
      })
    ).broker
    const after = await Ear.at(t, scene.port)
    await again.client.publishAsync('after/restart', 'w', { qos: 2 })
    await after.hears('after/restart w q2')
    t.pass('it carries on')
  })
}
