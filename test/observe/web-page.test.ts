// The HTTP port: what /api/v1/status counts, and that nothing else is answered.

import mqtt from 'mqtt'
import { test } from 'tap'
import { createBroker } from '../../src/index.ts'
import type { Status } from '../../src/observe/status.ts'

async function brokerWithPage() {
  const broker = await createBroker({ listeners: [{ port: 0 }, { protocol: 'ws', port: 0 }] })
  const [plain, web] = broker.listeners
  const get = async (path: string) => (await fetch(`http://127.0.0.1:${web?.port}${path}`)).text()
  return { broker, port: plain?.port ?? 0, get }
}

test('the figures are those of clients: not of the broker itself, nor of the program around it', async t => {
  const { broker, port, get } = await brokerWithPage()
  t.teardown(() => broker.close())
  const status = async () => JSON.parse(await get('/api/v1/status')) as Status
  const counts = async () => {
    const { clientsConnected, sessions, subscriptions, retainedMessages } = await status()
    return [clientsConnected, sessions, subscriptions, retainedMessages]
  }
  t.strictSame(await counts(), [0, 0, 0, 0])

  broker.subscribe('#', () => {})
  await broker.publish({ topic: 'kept', payload: 'x', retain: true })
  const options = { protocolVersion: 5, clean: false, reconnectPeriod: 0 } as const
  const join = (clientId: string) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      ...options,
      clientId,
      properties: { sessionExpiryInterval: 60 },
    })
  const [one, other] = [await join('one'), await join('other')]
  await one.subscribeAsync(['a', '$share/g/b'])
  await one.subscribeAsync('a')
  await other.subscribeAsync('$share/g/b')
  t.strictSame(await counts(), [2, 2, 3, 1])

  await other.unsubscribeAsync('$share/g/b')
  await one.endAsync()
  t.strictSame(await counts(), [1, 2, 2, 1])
  await other.endAsync()
})

test('nothing else is answered beside MQTT: an unknown path is 404, and only GET and HEAD are read', async t => {
  const { broker } = await brokerWithPage()
  t.teardown(() => broker.close())
  const address = `http://127.0.0.1:${broker.listeners[1]?.port}`

  for (const path of ['/nothing', '/api', '/api/v1', '//', '/%00', '/healthz/x']) {
    const response = await fetch(`${address}${path}`)
    t.equal(response.status, 404, path)
    t.match(await response.text(), /^Nothing is here\. /)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    t.equal((await fetch(`${address}/`, { method })).status, 405, method)
  }
  const head = await fetch(`${address}/healthz`, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
})
