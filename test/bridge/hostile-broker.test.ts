// What a hostile broker sends to a bridge of ours is refused within a bound, and nothing of it ends or fills this broker.

import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { test, type Test } from 'tap'
import { Leg } from '../../src/bridge/leg.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { Log } from '../../src/observe/log.ts'
import { startServer } from '../../src/server/server.ts'

const CONNACK = '2003000000'
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** A bridge to a broker that does this with each connection. */
async function bridgeTo(t: Test, act: (socket: Socket, connection: number) => void) {
  let connections = 0
  const theirs = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => act(socket, connections++))
    t.teardown(() => socket.destroy())
  })
  await once(theirs.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => theirs.close())
  const { port } = theirs.address() as { port: number }
  const events: Record<string, unknown>[] = []
  let told = (): void => {}
  const line = (fields: object): void => {
    events.push({ ...fields })
    told()
  }
  const log: Log = { debug: line, info: line, warn: line, error: line }
  const config = parseConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    store: { durability: 'memory' },
    bridges: {
      there: {
        addresses: [`127.0.0.1:${port}`],
        topics: [{ filter: 'in/#', direction: 'in', qos: 2 }],
      },
    },
  })
  const server = await startServer(config, log)
  t.teardown(() => server.close())
  const heard = async (event: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const found = events.find(each => each['event'] === event)
      if (found !== undefined) return found
      await new Promise<void>(resolve => (told = resolve))
    }
  }
  return { events, heard }
}

test('a broker that sends messages and no CONNACK is left at the first one', async t => {
  const { heard } = await bridgeTo(t, socket => socket.write(hex('3008 0004 696e2f78 00 79')))

  t.match(await heard('bridge.lost'), { cause: 'it sent PUBLISH before CONNACK' })
})

test('of a SUBACK of any length, and of any number of them, each filter is refused once', async t => {
  const { events, heard } = await bridgeTo(t, socket => {
    socket.once('data', () => {
      const suback = hex('90 07 ffff 00 87 87 87 87')
      socket.write(Buffer.concat(Array.from({ length: 100 }, () => suback)))
      socket.end()
    })
    socket.write(hex(CONNACK))
  })

  await heard('bridge.lost')
  const refused = events.filter(({ event }) => event === 'bridge.filter-refused')
  t.match(refused, [{ filter: 'in/#', reason: 0x87 }])
  t.equal(refused.length, 1)
})

test('of many packets that come at once some are taken, then others have their turn', async t => {
  const [near, far] = duplexPair()
  const taken: number[] = []
  const leg = new Leg(near, 5, 1_000, {
    packet: packet => void (packet.type === 'puback' && taken.push(packet.packetId)),
    ended: sentence => t.fail(sentence),
    drained: () => {},
  })

  far.write(Buffer.concat(Array.from({ length: 765 }, () => hex('4002 0001'))))
  await once(near, 'pause')
  t.equal(taken.length, 256)
  far.write(hex('4002 1234'))
  while (taken.at(-1) !== 0x1234) await new Promise(setImmediate)
  t.equal(taken.length, 766)
  leg.destroy()
})

for (const size of ['0000000a', '00000001']) {
  test(`a broker that takes packets of 0x${size} bytes is left, for CONNACK here is larger`, async t => {
    const { heard } = await bridgeTo(t, socket => socket.write(hex(`2008 00 00 05 27 ${size}`)))

    t.match(await heard('bridge.lost'), {
      cause: /^the other broker takes too small packets: .* and CONNACK of this broker is larger$/,
    })
  })
}
