import { test } from 'tap'
import { HandshakeDeadline } from '../../src/transport/handshake-deadline.ts'
import { everythingFrom, World } from './world.ts'

/** The process stands still. */
function standsStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

test('a deadline that has passed takes effect only after the sockets were read', async t => {
  for (const text of ['PROXY UNKNOWN\r\n\x10\x00', 'PROXY ']) {
    const world = await World.listening(t, { proxyProtocol: true, handshakeTimeoutMs: 20 })
    const socket = await world.connects(t)
    await new Promise(accepted => setImmediate(accepted))
    socket.write(text)
    standsStill(100)

    if (text.endsWith(' ')) t.equal(await everythingFrom(socket), '')
    else t.equal((await (await world.arrives()).receives(2)).length, 2)
  }
})

test('a deadline that is noticed long after its time begins again, because the process could read nothing meanwhile', async t => {
  let expired = false
  const deadline = new HandshakeDeadline(10, () => (expired = true))
  standsStill(1_200)
  await new Promise(later => setTimeout(later, 0))
  await new Promise(later => setImmediate(later))
  t.notOk(expired)

  while (!expired) await new Promise(later => setTimeout(later, 5))
  deadline.clear()
  t.ok(expired)
})

test('a deadline that was cleared does not expire', async t => {
  let expired = false
  const deadline = new HandshakeDeadline(5, () => (expired = true))
  deadline.clear()
  await new Promise(later => setTimeout(later, 20))

  t.notOk(expired)
})
