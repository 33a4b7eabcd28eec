// Node-RED on Node 22: its MQTT nodes at version 5, with a burst that comes from one click.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, Program } from '../../test/interop/programs.ts'
import { nodeProgram, npmFolder, npmVersion } from '../programs.ts'
import { assertEqual, type Ground, LOGIN, type Trial, within } from '../trial.ts'

const BURST = 5_000

export const nodeRed: readonly Trial[] = (
  [
    ['4', false],
    ['5', false],
    ['5', true],
  ] as const
).map(([version, needsLogin]) => ({
  program: `Node-RED, MQTT ${version === '4' ? '3.1.1' : '5.0'}${needsLogin ? ', with user and password' : ''}`,
  needsLogin,
  what: `mqtt in and mqtt out nodes: a burst of ${BURST} at QoS 1 and at QoS 2, and an echo`,
  version: async () => npmVersion('node-red'),
  run: ground => within(180, exchange(ground, version)),
}))

async function exchange(ground: Ground, version: '4' | '5'): Promise<void> {
  const home = join(ground.directory, 'node-red')
  mkdirSync(home)
  writeFileSync(join(home, 'flows.json'), JSON.stringify(flow(ground.tcpPort, version)))
  // A broker without users takes any name.
  const credentials = { broker: { user: LOGIN.username, password: LOGIN.password } }
  writeFileSync(join(home, 'flows_cred.json'), JSON.stringify(credentials))
  writeFileSync(join(home, 'settings.js'), 'module.exports = { credentialSecret: false }')
  const port = await freePort()
  const words = [join(npmFolder('node-red'), 'red.js'), '-p', `${port}`, '-u', home, 'flows.json']
  const program = new Program(nodeProgram(), words)
  try {
    await program.prints('Connected to broker')
    const heard = [0, 0, 0]
    let echo = ''
    ground.broker.subscribe('red/burst', ({ qos }) => {
      heard[qos] = (heard[qos] ?? 0) + 1
    })
    ground.broker.subscribe('red/echo', ({ payload }) => {
      echo = payload.toString()
    })
    for (const qos of [1, 2]) await fetch(`http://127.0.0.1:${port}/burst?qos=${qos}`)
    void ground.broker.publish({ topic: 'red/in/x', payload: 'hello', qos: 2 })
    while (heard.join() !== [0, BURST, BURST].join() || echo === '') {
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assertEqual(echo, 'hello', 'the echo')
    assertEqual(program.output.includes('Disconnected'), false, 'it was disconnected')
  } finally {
    await program.killed()
  }
}

function flow(brokerPort: number, protocolVersion: '4' | '5'): readonly object[] {
  const tab = 'tab'
  const send = `for (let i = 0; i < ${BURST}; i++) {
    node.send([{ topic: 'red/burst', payload: String(i), qos: Number(msg.req.query.qos) }, null])
  }
  return [null, { req: msg.req, res: msg.res, payload: 'sent' }]`
  return [
    { id: tab, type: 'tab', label: 'trial' },
    {
      id: 'broker',
      type: 'mqtt-broker',
      broker: '127.0.0.1',
      port: `${brokerPort}`,
      protocolVersion,
      clientid: 'red',
      keepalive: '60',
      cleansession: true,
      autoConnect: true,
      usetls: false,
    },
    { id: 'http', type: 'http in', z: tab, url: '/burst', method: 'get', wires: [['send']] },
    { id: 'send', type: 'function', z: tab, func: send, outputs: 2, wires: [['out'], ['answer']] },
    {
      id: 'out',
      type: 'mqtt out',
      z: tab,
      topic: '',
      qos: '',
      retain: '',
      broker: 'broker',
      wires: [],
    },
    { id: 'answer', type: 'http response', z: tab, wires: [] },
    {
      id: 'in',
      type: 'mqtt in',
      z: tab,
      topic: 'red/in/#',
      qos: '2',
      datatype: 'utf8',
      broker: 'broker',
      wires: [['echo']],
    },
    {
      id: 'echo',
      type: 'mqtt out',
      z: tab,
      topic: 'red/echo',
      qos: '1',
      retain: '',
      broker: 'broker',
      wires: [],
    },
  ]
}
