// Threat 22: packets that only a server sends, a second CONNECT, and AUTH without a method end the connection; acknowledgements of
// unknown identifiers do not.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const ENDING = {
  'a second CONNECT': '10 0d 0004 4d515454 04 02 003c 0001 61',
  CONNACK: '20 02 0000',
  SUBACK: '90 03 0001 00',
  UNSUBACK: 'b0 02 0001',
  PINGRESP: 'd0 00',
  'AUTH without a method': 'f0 00',
  'packet type 0': '00 00',
}

const IGNORED = { PUBACK: '40 02 0009', PUBREC: '50 02 0009', PUBCOMP: '70 02 0009' }

for (const version of [4, 5] as const) {
  const name = version === 4 ? '3.1.1' : '5.0'

  test(`packets out of role end a connection of ${name}, and no other`, async t => {
    const broker = await AttackedBroker.started(t)
    await broker.isWatched()

    for (const [what, packet] of Object.entries(ENDING)) {
      const socket = await RawSocket.connected(broker.port, version)
      const { length } = socket.heard
      socket.writes(packet)
      const said = (await socket.closed).subarray(length)
      t.equal(said[0], version === 5 ? 0xe0 : undefined, `${what}: only 5.0 gets DISCONNECT`)
    }

    await broker.hasSurvived(t)
  })

  test(`acknowledgements of unknown packet identifiers are no error in ${name}`, async t => {
    const broker = await AttackedBroker.started(t)

    for (const packet of Object.values(IGNORED)) {
      const socket = await RawSocket.connected(broker.port, version)
      const { length } = socket.heard
      socket.writes(packet)
      socket.writes('c0 00')
      // A PUBREC of an unknown identifier is answered with PUBREL.
      const heard = await socket.hears(
        length + (packet === IGNORED.PUBREC ? (version === 5 ? 7 : 6) : 2),
      )
      t.equal(heard.subarray(-2).toString('hex'), 'd000', 'PINGRESP')
      socket.socket.destroy()
    }

    await broker.hasSurvived(t)
  })
}
