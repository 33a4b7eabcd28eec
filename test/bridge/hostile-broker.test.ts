// What a hostile broker sends to a bridge of ours is refused within a bound, and nothing of it ends or fills this broker.

import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { test, type Test } from 'tap'
import { Leg, LOCAL_TERMS } from '../../src/bridge/leg.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { Log } from '../../src/observe/log.ts'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { Framer } from '../../src/packet/framer.ts'
import { NO_PROPERTIES, type PublishPacket } from '../../src/packet/packet.ts'
import { startServer } from '../../src/server/server.ts'

const CONNACK = '2003000000'
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** A bridge to a broker that does this with each connection. */
async function bridgeTo(
  t: Test,
  act: (socket: Socket, connection: number) => void,
  bridge: object = {},
  limits: object = {},
) {
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
    limits,
    bridges: {
      there: {
        addresses: [`127.0.0.1:${port}`],
        topics: [{ filter: 'in/#', direction: 'in', qos: 2 }],
        ...bridge,
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
  const leg = new Leg(near, LOCAL_TERMS, 1_000, {
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

const USER_PROPERTY = ['a', 'b'] as const

/** What anybody may publish at the other broker, and this one cannot take. */
const UNFIT: Readonly<Record<string, { message: Partial<PublishPacket>; bridge?: object }>> = {
  'that has no room for its path': { message: { payload: Buffer.alloc(99_970) } },
  'of 3.1.1 that is larger than packets may be here': {
    message: { payload: Buffer.alloc(300_000) },
    bridge: { protocol: '3.1.1' },
  },
  'with more user properties than packets may have here': {
    message: { properties: { userProperties: Array.from({ length: 101 }, () => USER_PROPERTY) } },
    bridge: { loopProtection: false },
  },
  'whose topic is nothing but the prefix that it loses': {
    message: { topic: 'in/' },
    bridge: { topics: [{ filter: '#', direction: 'in', qos: 2, remotePrefix: 'in/' }] },
  },
}

for (const [which, { message, bridge = {} }] of Object.entries(UNFIT)) {
  test(`a message ${which} does not keep the next one from coming`, async t => {
    const version = 'protocol' in bridge ? 4 : 5
    const acknowledged: number[] = []
    const published = (packetId: number, changes: Partial<PublishPacket>): Buffer => {
      const rest = { qos: 1, retain: false, topic: 'in/x', properties: NO_PROPERTIES } as const
      const payload = Buffer.from('y')
      const type = 'publish'
      return encode({ type, duplicate: false, packetId, payload, ...rest, ...changes }, version)
    }
    const done = new Promise<void>((resolve, reject) => {
      const act = (socket: Socket, connection: number): void => {
        // In 3.1.1 the first connection is there to end a session.
        if (connection > (version === 4 ? 1 : 0)) reject(new Error('the bridge came again'))
        socket.write(hex(version === 4 ? '20020000' : CONNACK))
        const framer = new Framer(1_000)
        socket.on('data', chunk => {
          framer.push(chunk)
          while (framer.next()) {
            const packet = decode(framer.bytes, framer.start, framer.end, version)
            if (packet.type === 'puback') acknowledged.push(packet.packetId)
            if (acknowledged.length === 2) resolve()
            if (packet.type !== 'subscribe') continue
            socket.write(hex(version === 4 ? '9003 ffff 02' : '9004 ffff 00 02'))
            socket.write(Buffer.concat([published(1, message), published(2, {})]))
          }
        })
      }
      void bridgeTo(t, act, bridge, { packetBytesMax: 100_000 })
    })

    await done
    t.same(acknowledged, [1, 2])
  })
}

test('a message that is too large is thrown away as it comes, whatever its pieces are', async t => {
  const [near, far] = duplexPair()
  const taken: unknown[] = []
  const leg = new Leg(near, LOCAL_TERMS, 20, {
    packet: packet => {
      if (packet.type === 'puback') taken.push(packet.packetId)
      if (packet.type === 'unfit') taken.push([packet.qos, packet.packetId, packet.reason])
    },
    ended: sentence => taken.push(sentence),
    drained: () => {},
  })
  const large = `34 9001 0001 61 0007 00 ${'00'.repeat(138)}`

  far.write(hex(`4002 0001 ${large} ${large} 4002 0002`))
  for (const byte of hex(`${large} 4002 0003`)) far.write(Buffer.of(byte))
  while (taken.at(-1) !== 3 && typeof taken.at(-1) !== 'string') await new Promise(setImmediate)
  t.same(taken, [1, [2, 7, 0x95], [2, 7, 0x95], 2, [2, 7, 0x95], 3])
  leg.destroy()
})

test('a broker that reads none of the answers to what it sends is left', t => {
  const [near] = duplexPair()
  let sentence = ''
  const leg = new Leg(near, LOCAL_TERMS, 1_000, {
    packet: () => {},
    ended: said => (sentence = said),
    drained: () => {},
  })
  const packet = { type: 'puback', packetId: 1, reason: 0, properties: NO_PROPERTIES } as const

  for (let count = 0; count < 80_000 && sentence === ''; count++) leg.send(packet)
  t.match(sentence, /^it does not read \d+ packets$/)
  t.end()
})

test('a broker that asks for no Keep Alive is asked for signs of life all the same', async t => {
  let isAsked: () => void = () => {}
  const asked = new Promise<void>(resolve => (isAsked = resolve))
  const act = (socket: Socket): void => {
    socket.write(hex('2006 00 00 03 13 0000'))
    socket.on('data', chunk => {
      if (chunk.includes(0x82)) socket.write(hex('9004 ffff 00 02'))
      if (chunk[0] === 0xc0) isAsked()
    })
  }
  await bridgeTo(t, act, { keepAliveSeconds: 1 })

  await asked
  t.pass('PINGREQ has come')
})

test('a broker that uses a topic alias, which it may not, is left', async t => {
  const { heard } = await bridgeTo(t, socket => {
    socket.write(hex(`${CONNACK} 300c 0004 696e2f78 03 23 0001 79 79`))
  })

  t.match(await heard('bridge.lost'), { cause: 'it used a topic alias' })
})

test('a broker that answers TLS with other bytes is named in words', async t => {
  const answers = (socket: Socket): void => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
  const { heard } = await bridgeTo(t, answers, { tls: {} })
  const cause = 'what listens there does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)'
  t.match(await heard('bridge.lost'), { cause })
})
