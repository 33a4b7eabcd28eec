// Floods of strangers, each of which would be a line: a few are printed, and the rest is a sum.

import { once } from 'node:events'
import { resolve } from 'node:path'
import { test } from 'tap'
import { makeCertificates } from '../transport/world.ts'
import { BrokerProcess, RawClient } from './broker-process.ts'

const FLOOD = 150

interface Flood {
  readonly event: string
  /** Index of the listener. */
  readonly listener: number
  readonly bytes: string
  /** Lines that may be printed: some, and the sum. */
  readonly linesMax: number
}

const hex = (text: string): string => Buffer.from(text).toString('hex')
const UPGRADE = 'GET /mqtt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

const FLOODS: Readonly<Record<string, Flood>> = {
  'first bytes that are no MQTT': {
    event: 'client.refused',
    listener: 0,
    bytes: '00',
    linesMax: 7,
  },
  'a first packet that is no CONNECT': {
    event: 'client.refused',
    listener: 0,
    bytes: 'c000',
    linesMax: 7,
  },
  'CONNECT of an unknown version': {
    event: 'client.refused',
    listener: 0,
    bytes: '100d 0004 4d515454 09 02 0000 0001 61',
    linesMax: 7,
  },
  'CONNECT that may not come in': {
    event: 'client.refused',
    listener: 0,
    bytes: '100c 0004 4d515454 04 00 0000 0000',
    // The broker has named each of them: they are told apart, and bounded by their address.
    linesMax: 101,
  },
  'upgrades without a subprotocol': {
    event: 'websocket.refused',
    listener: 1,
    bytes: hex(UPGRADE),
    linesMax: 7,
  },
  'plain MQTT to the TLS port': {
    event: 'tls.refused',
    listener: 2,
    bytes: 'c000'.repeat(10),
    linesMax: 7,
  },
}

test('every flood of strangers is a few lines and a sum that is exact', async t => {
  const directory = t.testdir({})
  makeCertificates(directory, 'device')
  const tls = {
    certFile: resolve(directory, 'server.crt'),
    keyFile: resolve(directory, 'server.key'),
  }
  for (const [name, { event, listener, bytes, linesMax }] of Object.entries(FLOODS)) {
    await t.test(name, async t => {
      const broker = await BrokerProcess.started(t, {
        listeners: [{ port: 0 }, { protocol: 'ws', port: 0 }, { port: 0, tls }],
      })
      broker.logged('reads')
      for (let count = 0; count < FLOOD; count++) {
        const stranger = new RawClient(broker.ports[listener] ?? 0)
        const ended = once(stranger.socket, 'close')
        stranger.says(bytes)
        await ended
      }
      await broker.stops()

      const printed = broker.lines.filter(line => line.event === event)
      t.equal(broker.told(event), FLOOD)
      t.ok(printed.length <= linesMax, `${printed.length} lines`)
    })
  }
})

test('two devices with one client id are named by both their addresses', async t => {
  const broker = await BrokerProcess.started(t, { listeners: [{ port: 0 }] })
  broker.logged('reads')

  for (let count = 0; count < 6; count++) {
    const twin = new RawClient(broker.ports[0] ?? 0, `127.0.0.${2 + (count % 2)}`)
    await twin.connects('twin')
  }
  await broker.stops()

  const contested = broker.lines.filter(({ event }) => event === 'client.contested')
  t.strictSame(
    contested.map(({ addresses }) => addresses),
    [['127.0.0.2', '127.0.0.3']],
  )
})
