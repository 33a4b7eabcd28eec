// Threat 1: nothing is allocated for a length that a stranger only declares. Scale: 500 connections instead of 5,000.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const CONNECTIONS = 500
/** For a connection with its objects and buffers of the system, and the garbage that a fresh heap keeps (some 8 MiB for all). */
const BYTES_A_CONNECTION = 32_768

test('a first packet that declares 256 MiB is refused at once, and costs no memory', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const before = await broker.restingBytes()

  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => RawSocket.to(broker.port)),
  )
  for (const socket of sockets) socket.writes('10 ffffff7f')
  await Promise.all(sockets.map(({ closed }) => closed))

  t.ok(broker.rssBytes - before < CONNECTIONS * BYTES_A_CONNECTION)
  await broker.hasSurvived(t)
})

test('a first packet of the largest allowed length takes only the memory of the bytes that came', async t => {
  const broker = await AttackedBroker.started(t, { limits: { strangersPerAddressMax: 0 } })
  const before = await broker.restingBytes()

  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => RawSocket.to(broker.port)),
  )
  // A CONNECT of 65,000 bytes, of which 16 came.
  for (const socket of sockets) socket.writes('10 e8fb03 0004 4d515454 05 02 003c 0000')
  await broker.hasSurvived(t)

  t.ok(broker.rssBytes - before < CONNECTIONS * BYTES_A_CONNECTION)
  for (const { socket } of sockets) socket.destroy()
})
