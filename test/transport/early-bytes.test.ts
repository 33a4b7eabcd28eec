// What came in one chunk with a PROXY header, however much: nothing of it is lost, and who sent it can leave.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'tap'
import { frame, PROXY_HEADERS, UPGRADE } from './raw-bytes.ts'
import { World } from './world.ts'

const SIZES = [0, 1, 125, 16_384, 40_000, 65_536, 200_000, 1_048_576]
const ENDS: Readonly<Record<string, (socket: Socket) => void>> = {
  ends: socket => socket.end(),
  resets: socket => socket.resetAndDestroy(),
  'breaks off': socket => socket.destroy(),
}

function countingBody(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => (bytes += chunk.length))
  request.on('end', () => response.end(`${bytes} bytes`))
}

async function isLeft(world: World): Promise<void> {
  while (world.listener.connectionCount > 0) await new Promise(later => setTimeout(later, 5))
}

for (const version of [1, 2] as const) {
  const header = PROXY_HEADERS[version]
  for (const protocol of ['mqtt', 'ws'] as const) {
    test(`${protocol} behind PROXY ${version} loses no byte that came with the header`, async t => {
      const world = await World.listening(t, { protocol, proxyProtocol: true })

      for (const size of SIZES) {
        for (const leaves of Object.values(ENDS)) {
          const socket = await world.connects(t)
          socket.on('error', () => {})
          socket.resume()
          const payload = Buffer.alloc(size, 0x10)
          const opening = protocol === 'ws' ? [UPGRADE, frame(payload)] : [payload]
          socket.write(Buffer.concat([header, ...opening]))
          const arrived = await world.arrives()
          await arrived.receives(size)
          // And it is read from as before.
          socket.write(protocol === 'ws' ? frame(Buffer.from('more')) : 'more')
          t.equal((await arrived.receives(size + 4)).slice(size), 'more', `${size} bytes`)

          leaves(socket)
          await arrived.closes()
          await isLeft(world)
        }
      }
    })
  }

  test(`a request behind PROXY ${version} is answered, with any body that came with the header`, async t => {
    const world = await World.listening(t, {
      protocol: 'ws',
      proxyProtocol: true,
      onRequest: countingBody,
    })

    for (const size of SIZES) {
      for (const leaves of Object.values(ENDS)) {
        const socket = await world.connects(t)
        socket.on('error', () => {})
        const request = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`
        const whole = Buffer.concat([header, Buffer.from(request), Buffer.alloc(size)])
        const answer = new Promise<string>(answered =>
          socket.once('data', (chunk: Buffer) => answered(chunk.toString())),
        )
        socket.write(whole)
        t.match(await answer, new RegExp(`\\b${size} bytes`))

        leaves(socket)
        await isLeft(world)
      }
    }
  })
}
