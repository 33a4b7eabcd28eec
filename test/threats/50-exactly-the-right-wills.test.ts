// Threat 50: a will is published once or never, as MQTT 5 says for the end of the connection, the delay and the session expiry.
// Scale: delays of 1 s.

import { test } from 'tap'
import { arrivalAt, AttackedBroker, RawSocket } from './attacked-broker.ts'

type End =
  | 'DISCONNECT 0x00'
  | 'DISCONNECT 0x04'
  | 'a reset'
  | 'no PINGREQ'
  | 'a takeover'
  | 'a takeover with Clean Start'

const ENDS: readonly End[] = [
  'DISCONNECT 0x00',
  'DISCONNECT 0x04',
  'a reset',
  'no PINGREQ',
  'a takeover',
  'a takeover with Clean Start',
]
const DELAYS = [0, 1]
const EXPIRIES = [0, 600]

interface Case {
  readonly id: string
  readonly end: End
  readonly delay: number
  readonly expiry: number
}

const CASES: readonly Case[] = ENDS.flatMap(end =>
  DELAYS.flatMap(delay => EXPIRIES.map(expiry => ({ end, delay, expiry }))),
).map((each, index) => ({ ...each, id: String(index).padStart(2, '0') }))

/** How often the will is published. A client that is back within the delay prevents it: see decision 24 for Clean Start. */
function expected({ end, delay, expiry }: Case): number {
  if (end === 'DISCONNECT 0x00') return 0
  const isTakeover = end === 'a takeover' || end === 'a takeover with Clean Start'
  // A session with an expiry of 0 ends with its connection, and the delay with it.
  return isTakeover && delay > 0 && expiry > 0 ? 0 : 1
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}

function uint32(value: number): string {
  return value.toString(16).padStart(8, '0')
}

/** CONNECT of 5.0 with a keep-alive of a second and a will to `wills/ID`. */
function connect({ id, delay, expiry }: Pick<Case, 'id' | 'delay' | 'expiry'>): string {
  const will = `05 18 ${uint32(delay)} 0008 ${hex(`wills/${id}`)} 0001 78`
  return `10 27 0004 4d515454 05 04 0001 05 11 ${uint32(expiry)} 0002 ${hex(id)} ${will}`
}

/** CONNECT of the same client without a will. */
function takeover(id: string, flags: '00' | '02'): string {
  return `10 14 0004 4d515454 05 ${flags} 0000 05 11 00000258 0002 ${hex(id)}`
}

async function opened(broker: AttackedBroker, packet: string): Promise<RawSocket> {
  const socket = await RawSocket.to(broker.port)
  socket.writes(packet)
  await socket.hears(4)
  return socket
}

async function ends(broker: AttackedBroker, { id, end }: Case, socket: RawSocket): Promise<void> {
  if (end === 'DISCONNECT 0x00') socket.writes('e0 00')
  if (end === 'DISCONNECT 0x04') socket.writes('e0 01 04')
  if (end === 'a reset') socket.socket.resetAndDestroy()
  if (end === 'a takeover') await opened(broker, takeover(id, '00'))
  if (end === 'a takeover with Clean Start') await opened(broker, takeover(id, '02'))
  await socket.closed
}

test('each of 24 ends publishes the will once or never', async t => {
  const broker = await AttackedBroker.started(t)
  const { client: watcher, heard } = await broker.listener({ clientId: 'watcher' })
  await watcher.subscribeAsync('wills/#', { qos: 1 })

  await Promise.all(
    CASES.map(async each => ends(broker, each, await opened(broker, connect(each)))),
  )
  // Its will is due after all others.
  const last = await opened(broker, connect({ id: 'zz', delay: 2, expiry: 600 }))
  last.socket.destroy()
  while (!heard.includes('wills/zz')) await arrivalAt(watcher)

  for (const each of CASES) {
    const times = heard.filter(topic => topic === `wills/${each.id}`).length
    const { end, delay, expiry } = each
    t.equal(times, expected(each), `${end}, delay ${delay} s, expiry ${expiry} s`)
  }
  await watcher.endAsync()
  await broker.hasSurvived(t)
})
