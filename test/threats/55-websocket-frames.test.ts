// Threat 55: fragments, pings, empty frames and wrong frames of WebSocket cost a bounded amount and end no other connection.
// Scale: 20,000 fragments of one byte instead of a million.

import { test } from 'tap'
import { UPGRADE } from '../transport/raw-bytes.ts'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const FRAGMENTS = 20_000
const CONNECT = Buffer.from('100d00044d515454040200' + '3c000161', 'hex')

/** A masked frame of up to 125 bytes, whose mask of zeros leaves the data as it is. */
function frame(first: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([first, 0x80 | data.length, 0, 0, 0, 0]), data])
}

async function upgraded(broker: AttackedBroker): Promise<RawSocket> {
  const socket = await RawSocket.to(broker.webPort)
  socket.socket.write(UPGRADE)
  while (!socket.heard.includes('\r\n\r\n')) await socket.hears(socket.heard.length + 1)
  return socket
}

test('a message in twenty thousand fragments of one byte is refused or read, and delays nobody', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const before = await broker.restingBytes()
  const socket = await upgraded(broker)

  // The first byte of a CONNECT, and zeros.
  const fragments = [frame(0x02, Buffer.from([0x10]))]
  for (let count = 0; count < FRAGMENTS; count++) fragments.push(frame(0x00, Buffer.alloc(1)))
  socket.socket.write(Buffer.concat(fragments))

  await broker.hasSurvived(t)
  t.ok(broker.rssBytes - before < 64 * 1_048_576)
  socket.socket.destroy()
})

test('a flood of pings and empty fragments before CONNECT delays nobody', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const sockets = await Promise.all(Array.from({ length: 10 }, () => upgraded(broker)))

  const ping = frame(0x89, Buffer.alloc(125, 'p'))
  const empty = Buffer.concat([frame(0x02, Buffer.alloc(0)), frame(0x80, Buffer.alloc(0))])
  for (const { socket } of sockets) {
    socket.resume()
    for (let count = 0; count < 100; count++) socket.write(Buffer.concat(Array(20).fill(ping)))
    for (let count = 0; count < 100; count++) socket.write(Buffer.concat(Array(20).fill(empty)))
  }

  await broker.hasSurvived(t)
  for (const { socket } of sockets) socket.destroy()
})

test('packets that are split across frames and joined in a frame are read', async t => {
  const broker = await AttackedBroker.started(t)
  const socket = await upgraded(broker)
  const { length } = socket.heard

  for (const byte of CONNECT) socket.socket.write(frame(0x82, Buffer.from([byte])))
  socket.socket.write(frame(0x82, Buffer.from('c000c000', 'hex')))
  await socket.hears(length + 6 + 4 + 4)

  t.equal(socket.heard.subarray(length).toString('hex'), '8204200200008202d0008202d000')
  socket.socket.destroy()
  await broker.hasSurvived(t)
})

test('a text frame, a compressed frame, an unmasked frame and a foreign origin are refused', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const frames = [
    frame(0x81, CONNECT),
    frame(0xc2, CONNECT),
    Buffer.concat([Buffer.from([0x82, CONNECT.length]), CONNECT]),
  ]

  for (const bytes of frames) {
    const socket = await upgraded(broker)
    const { length } = socket.heard
    socket.socket.write(bytes)
    const said = (await socket.closed).subarray(length)
    t.equal(said[0], 0x88, 'a close frame, and no CONNACK')
  }
  const foreign = await RawSocket.to(broker.webPort)
  foreign.socket.write(
    UPGRADE.toString().replace('\r\n\r\n', '\r\nOrigin: https://evil.example\r\n\r\n'),
  )
  t.match((await foreign.closed).toString(), /^HTTP\/1\.1 403/)
  await broker.hasSurvived(t)
})
