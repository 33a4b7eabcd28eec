// A home moves from Debian's mosquitto with its own files: zigbee2mqtt, Node-RED with a session that is kept, a script that sleeps
// (mosquitto_sub -c), a bridge to another broker, users and rules. While some of them are away, mosquitto is stopped and Pondhawk
// started with the same mosquitto.conf.

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CLI } from '../../test/command.ts'
import { freePort, Program, run } from '../../test/interop/programs.ts'
import { debianVersion, nodeProgram, npmFolder } from '../programs.ts'
import { assertEqual, LOGIN, type Trial, within } from '../trial.ts'

const QUEUED = 200
const STATES = 300
const ACL = `user ${LOGIN.username}
topic readwrite #
topic read $SYS/#
`

export const homeMove: readonly Trial[] = [
  {
    program: 'a home of mosquitto with its own files',
    what: 'zigbee2mqtt, Node-RED, a sleeping script and a bridge go on at Pondhawk: retained and queued messages are there',
    version: () => debianVersion('mosquitto'),
    run: ({ directory }) => within(240, new Home(directory).moves()),
  },
]

class Home {
  readonly #directory: string
  #port = 0
  #remotePort = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  async moves(): Promise<void> {
    ;[this.#port, this.#remotePort] = [await freePort(), await freePort()]
    this.#writeFiles()
    const remote = new Program('mosquitto', ['-c', this.#file('remote.conf')])
    const mosquitto = new Program('mosquitto', ['-c', this.#file('mosquitto.conf')])
    try {
      await this.#answers(this.#port)
      await this.#lives()
      const retained = await this.#retained()
      assertEqual(retained.length > STATES, true, `${retained.length} retained messages before`)
      mosquitto.process.kill('SIGTERM')
      await mosquitto.ends()

      const startedAt = performance.now()
      const words = ['start', '-c', this.#file('mosquitto.conf')]
      const pondhawk = new Program(process.execPath, [CLI, ...words])
      try {
        await this.#answers(this.#port)
        console.log(`       moved in ${Math.round(performance.now() - startedAt)} ms`)
        assertEqual(await this.#retained(), retained, 'retained messages')
        await this.#wakes()
        await this.#bridges()
        await this.#runsNodeRed('expect what waited')
        await this.#runsZigbee2mqtt(pondhawk)
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error)
        throw new Error(`${cause}\n${pondhawk.output.slice(-2_000)}${pondhawk.errors}`, {
          cause: error,
        })
      } finally {
        await pondhawk.killed()
      }
    } finally {
      await mosquitto.killed()
      await remote.killed()
    }
  }

  /** The home before the move: states, and messages that wait for two that are away. */
  async #lives(): Promise<void> {
    await this.#runsZigbee2mqtt(null)
    // A script that sleeps, and Node-RED, which is stopped: both have left sessions.
    const { status } = await run('mosquitto_sub', [...this.#sleeper(), '-E'])
    assertEqual(status, 0, 'the script subscribes')
    await this.#runsNodeRed('publish')
    for (const topic of ['script/orders', 'red/in/orders']) {
      const lines = Array.from({ length: QUEUED }, (_, index) => `order ${index}`).join('\n')
      const words = [...this.#login(), '-q', '1', '-t', topic, '-l']
      const { status, stderr } = spawnSync('mosquitto_pub', words, { input: `${lines}\n` })
      assertEqual(status, 0, `mosquitto_pub ${stderr.toString()}`)
    }
  }

  /** The script gets what waited for it, in order and once. */
  async #wakes(): Promise<void> {
    const words = [...this.#sleeper(), '-C', `${QUEUED}`, '-W', '30']
    const { output, errors } = await run('mosquitto_sub', words)
    const expected = Array.from({ length: QUEUED }, (_, index) => `order ${index}`)
    assertEqual(output.trim().split('\n'), expected, `what the script had waiting ${errors}`)
  }

  /** Through the bridge of the mosquitto.conf, both ways. */
  async #bridges(): Promise<void> {
    for (const [from, to, topic] of [
      [this.#login(), ['-p', `${this.#remotePort}`], 'out/x'],
      [['-p', `${this.#remotePort}`], this.#login(), 'in/x'],
    ] as const) {
      const hears = new Program('mosquitto_sub', [...to, '-t', topic, '-C', '1', '-W', '40'])
      let isOver = false
      const ended = hears.ends().finally(() => (isOver = true))
      // Until the bridge has connected.
      while (!isOver) {
        await run('mosquitto_pub', [...from, '-q', '1', '-t', topic, '-m', 'over the bridge'])
        await new Promise(resolve => setTimeout(resolve, 300))
      }
      assertEqual((await ended).output.trim(), 'over the bridge', `${topic} through the bridge`)
    }
  }

  /** Node-RED with a session that stays: its flow answers to each order on red/out. */
  async #runsNodeRed(what: 'publish' | 'expect what waited'): Promise<void> {
    const home = this.#file('node-red')
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'flows.json'), JSON.stringify(flow(this.#port)))
    const credentials = { broker: { user: LOGIN.username, password: LOGIN.password } }
    writeFileSync(join(home, 'flows_cred.json'), JSON.stringify(credentials))
    writeFileSync(join(home, 'settings.js'), 'module.exports = { credentialSecret: false }')
    const port = await freePort()
    const words = [join(npmFolder('node-red'), 'red.js'), '-p', `${port}`, '-u', home, 'flows.json']
    const count = what === 'publish' ? 1 : QUEUED
    const hears = new Program('mosquitto_sub', [
      ...this.#login(),
      ...['-t', 'red/out', '-C', `${count}`, '-W', '90'],
    ])
    const program = new Program(nodeProgram(), words)
    try {
      await program.prints('Connected to broker')
      if (what === 'publish') await this.#publishesUntil(hears, 'red/in/first')
      const { output } = await hears.ends()
      assertEqual(output.trim().split('\n').length, count, 'answers of the flow of Node-RED')
    } finally {
      // When it stops by itself it unsubscribes.
      await program.killed()
    }
  }

  async #publishesUntil(hears: Program, topic: string): Promise<void> {
    while (hears.process.exitCode === null) {
      await run('mosquitto_pub', [...this.#login(), '-q', '1', '-t', topic, '-m', 'hello'])
      await new Promise(resolve => setTimeout(resolve, 300))
    }
  }

  /** Its own class for MQTT: a will, and the retained states of its devices. */
  async #runsZigbee2mqtt(moved: Program | null): Promise<void> {
    const data = this.#file('zigbee2mqtt')
    mkdirSync(data, { recursive: true })
    writeFileSync(join(data, 'configuration.yaml'), zigbeeSettings(this.#port))
    writeFileSync(join(data, 'states.cjs'), ZIGBEE_PROGRAM)
    const words = [join(data, 'states.cjs'), npmFolder('zigbee2mqtt')]
    const { output, errors } = await run('env', [
      `ZIGBEE2MQTT_DATA=${data}`,
      nodeProgram(),
      ...words,
    ])
    const where = moved === null ? 'mosquitto' : 'Pondhawk'
    assertEqual(output.includes('all said'), true, `zigbee2mqtt at ${where}: ${errors}`)
  }

  /** Topic and payload of each retained message but those of the broker itself, in the order of the topics. */
  async #retained(): Promise<readonly string[]> {
    const words = [...this.#login(), '-t', '#', '-v', '--retained-only', '-W', '3']
    const { output } = await run('mosquitto_sub', words)
    return output.trim().split('\n').toSorted()
  }

  #login(): readonly string[] {
    return ['-p', `${this.#port}`, '-u', LOGIN.username, '-P', LOGIN.password]
  }

  #sleeper(): readonly string[] {
    return [...this.#login(), '-i', 'script', '-c', '-q', '1', '-t', 'script/#']
  }

  async #answers(port: number): Promise<void> {
    for (;;) {
      const words = ['-p', `${port}`, '-u', LOGIN.username, '-P', LOGIN.password]
      const said = [...words, '-t', 'started', '-m', 'yes', '-q', '1']
      if ((await run('mosquitto_pub', said)).status === 0) return
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  #file(name: string): string {
    return join(this.#directory, name)
  }

  #writeFiles(): void {
    const passwords = this.#file('passwords')
    writeFileSync(passwords, '')
    chmodSync(passwords, 0o600)
    spawnSync('mosquitto_passwd', ['-b', passwords, LOGIN.username, LOGIN.password])
    writeFileSync(this.#file('acl'), ACL)
    const data = this.#file('data')
    mkdirSync(data)
    for (const name of [data, passwords, this.#directory, this.#file('acl')]) chmodSync(name, 0o777)
    const user = 'user root'
    writeFileSync(
      this.#file('mosquitto.conf'),
      `${user}
listener ${this.#port} 127.0.0.1
allow_anonymous false
password_file ${passwords}
acl_file ${this.#file('acl')}
persistence true
persistence_location ${data}/
log_dest stdout
connection cloud
address 127.0.0.1:${this.#remotePort}
topic out/# out 1
topic in/# in 1
`,
    )
    const remote = `${user}\nlistener ${this.#remotePort} 127.0.0.1\nallow_anonymous true\n`
    writeFileSync(this.#file('remote.conf'), remote)
  }
}

const ZIGBEE_PROGRAM = `
const root = process.argv[2]
require(root + '/dist/util/logger').default.init()
const EventBus = require(root + '/dist/eventBus').default
const Mqtt = require(root + '/dist/mqtt').default
async function main() {
  const mqtt = new Mqtt(new EventBus())
  await mqtt.connect()
  const all = []
  for (let i = 0; i < ${STATES}; i++) {
    const clientOptions = { qos: 1, retain: true }
    all.push(mqtt.publish('device/' + i, JSON.stringify({ state: i }), { clientOptions }))
  }
  await Promise.all(all)
  await mqtt.disconnect()
  console.log('all said')
  process.exit(0)
}
main()
`

function zigbeeSettings(port: number): string {
  return `version: 5
mqtt:
  server: mqtt://127.0.0.1:${port}
  user: ${LOGIN.username}
  password: ${LOGIN.password}
serial:
  port: /dev/null
advanced:
  log_output: []
`
}

function flow(port: number): readonly object[] {
  const broker = 'broker'
  return [
    { id: 'tab', type: 'tab', label: 'home' },
    {
      id: broker,
      type: 'mqtt-broker',
      broker: '127.0.0.1',
      port: `${port}`,
      protocolVersion: '4',
      clientid: 'red',
      keepalive: '60',
      cleansession: false,
      autoConnect: true,
      usetls: false,
    },
    {
      id: 'in',
      type: 'mqtt in',
      z: 'tab',
      topic: 'red/in/#',
      qos: '1',
      datatype: 'utf8',
      broker,
      wires: [['out']],
    },
    // Its messages keep their topic unless the node has one.
    { id: 'out', type: 'mqtt out', z: 'tab', topic: 'red/out', qos: '1', broker, wires: [] },
  ]
}
