// Chapter 6 (WebSocket), section 4.2 (network connections) and chapter 7 (conformance), with real sockets.

import { connect } from 'node:net'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { brokerOnPort } from '../interop/programs.ts'
import { conforms } from './conforms.ts'

const CONNECT = encode(
  {
    type: 'connect',
    version: 5,
    cleanStart: true,
    keepAliveSeconds: 60,
    clientId: 'a',
    username: null,
    password: null,
    will: null,
    properties: NO_PROPERTIES,
  },
  5,
)
const PINGREQ = Buffer.from('c000', 'hex')

async function webSocket(t: Test, protocols: string[]): Promise<WebSocket> {
  const { broker, port } = await brokerOnPort({
    listeners: [{ host: '127.0.0.1', port: 0, protocol: 'ws' }],
  })
  t.teardown(() => broker.close())
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, protocols)
  t.teardown(() => socket.terminate())
  await new Promise<void>((open, failed) => {
    socket.once('open', () => open())
    socket.once('error', failed)
  })
  return socket
}

function frames(socket: WebSocket, bytes: number): Promise<Buffer> {
  return new Promise(done => {
    let all = Buffer.alloc(0)
    socket.on('message', (data: Buffer) => {
      all = Buffer.concat([all, data])
      if (all.length >= bytes) done(all)
    })
  })
}

conforms(
  { v5: ['MQTT-6.0.0-1'], v311: ['MQTT-6.0.0-1'] },
  'a WebSocket frame that is not binary closes the connection',
  async t => {
    const socket = await webSocket(t, ['mqtt'])
    const closed = new Promise<number>(code => socket.once('close', code))
    socket.send('text')
    t.equal(await closed, 1_003)
  },
)

conforms(
  { v5: ['MQTT-6.0.0-2'], v311: ['MQTT-6.0.0-2'] },
  'packets need not be aligned with WebSocket frames',
  async t => {
    const socket = await webSocket(t, ['mqtt'])
    const answer = frames(socket, 20)
    for (const byte of CONNECT) socket.send(Buffer.from([byte]))
    socket.send(Buffer.concat([PINGREQ, PINGREQ.subarray(0, 1)]))
    socket.send(PINGREQ.subarray(1))
    const bytes = await answer
    t.equal(bytes[0], 0x20)
    t.equal(bytes.subarray(-4).toString('hex'), 'd000d000')
  },
)

conforms(
  { v5: ['MQTT-6.0.0-3', 'MQTT-6.0.0-4'], v311: ['MQTT-6.0.0-3', 'MQTT-6.0.0-4'] },
  'the subprotocol mqtt is chosen where it is offered, and a client that offers none of MQTT is refused',
  async t => {
    t.equal((await webSocket(t, ['mqtt'])).protocol, 'mqtt')
    t.equal((await webSocket(t, ['other', 'mqtt'])).protocol, 'mqtt')
    await t.rejects(webSocket(t, ['other']))
  },
)

conforms(
  { v5: ['MQTT-4.2-1'], v311: ['MQTT-7.0.0-2', 'MQTT-7.1.1-1'] },
  'a plain TCP connection carries the protocol, and asks for nothing that is not in the specification',
  async t => {
    const { broker, port } = await brokerOnPort()
    t.teardown(() => broker.close())
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    const connack = new Promise<Buffer>(got => socket.once('data', got))
    socket.write(CONNECT)
    const bytes = await connack
    t.match(decode(bytes, 0, bytes.length, 5), { type: 'connack', reason: 0 })
  },
)
