// The live stream: what it shows, what it leaves out, and when it ends.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { frames } from '../../src/api/contract/stream.ts'
import { Outlet } from '../../src/api/stream/outlet.ts'
import { brokerWithApi } from './api-client.ts'

type FrameName = keyof typeof frames

/** A stream, and its frames so far, each checked by its schema. */
async function streaming(t: Test, port: number, query: string, headers: object) {
  const path = `/api/v1/stream?${query}`
  const asked = request({ host: '127.0.0.1', port, path, headers: { ...headers } }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  t.teardown(() => asked.destroy())
  asked.on('error', () => {})
  // oxlint-disable-next-line typescript/no-explicit-any
  const heard: { name: FrameName; data: any }[] = []
  let [text, isEnded] = ['', false]
  response.on('data', chunk => {
    text += String(chunk)
    const parts = text.split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts) {
      const name = /^event: (\w+)$/m.exec(part)?.[1] as FrameName | undefined
      if (name === undefined) continue
      heard.push({ name, data: frames[name].parse(JSON.parse(part.split('data: ')[1] ?? '')) })
    }
  })
  response.on('close', () => (isEnded = true))
  response.on('error', () => {})
  // oxlint-disable-next-line typescript/no-explicit-any
  const next = async (name: FrameName): Promise<any> => {
    for (;;) {
      const index = heard.findIndex(each => each.name === name)
      if (index >= 0) return heard.splice(index, 1)[0]?.data
      await new Promise(settle => setTimeout(settle, 5))
    }
  }
  const ends = async (): Promise<void> => {
    while (!isEnded) await new Promise(settle => setTimeout(settle, 5))
  }
  return { status: response.statusCode, next, ends, heard, response, close: () => asked.destroy() }
}

test('a stream shows figures, a client and messages, and counts the messages that it leaves out', async t => {
  const { server, operator, port, mqtt: url } = await brokerWithApi(t)
  const made = await operator('POST', '/keys', { body: { name: 'k', role: 'operator' } })
  const headers = { authorization: `Bearer ${made.json.key}` }
  const query = 'metrics=1&status=1&client=pub&messages=a%2F%23'
  const stream = await streaming(t, port, query, headers)
  const publisher = await mqtt.connectAsync(url, { clientId: 'pub' })

  t.match(await stream.next('metrics'), { at: String, series: Object })
  t.match(await stream.next('status'), { clientsConnected: Number, top: Object })
  t.equal(await stream.next('client'), null)
  for (let count = 0; count < 500; count++) publisher.publish('a/b', 'x'.repeat(600))
  t.match(await stream.next('message'), {
    topic: 'a/b',
    truncated: true,
    payloadBytes: 600,
    publisher: 'pub',
  })
  const { shown, of } = await stream.next('sampled')
  t.ok(shown <= 10 && of > shown, `${shown} of ${of}`)
  t.match(await stream.next('client'), { clientId: 'pub', state: 'connected' })

  // Nothing of it remains in the broker.
  const { subscriptions } = server.core.broker
  const before = subscriptions.router.subscriptionCount
  stream.close()
  while (subscriptions.router.subscriptionCount === before) {
    await new Promise(settle => setTimeout(settle, 5))
  }
  t.equal(subscriptions.router.subscriptionCount, before - 1)
  await publisher.endAsync()
})

test('a stream ends with its key, says what was missed, and there are few of them', async t => {
  const { operator, port } = await brokerWithApi(t)
  const { json } = await operator('POST', '/keys', { body: { name: 'k', role: 'viewer' } })
  const headers = {
    authorization: `Bearer ${json.key}`,
    'last-event-id': String(Date.now() - 7_000),
  }
  const streams = []
  for (let count = 0; count < 5; count++) {
    streams.push(await streaming(t, port, 'metrics=1', headers))
  }

  t.strictSame(
    streams.map(({ status }) => status),
    [200, 200, 200, 200, 503],
  )
  t.match(await streams[0]?.next('gap'), { missedSeconds: 7 })
  t.equal((await operator('GET', '/status')).json.api.streamsRefused, 1)
  t.equal((await operator('GET', '/stream')).status, 422)
  t.equal((await operator('HEAD', '/stream?metrics=1')).status, 405)
  await operator('DELETE', '/keys?id=k')
  await Promise.all(streams.map(({ ends }) => ends()))
})

test('a signed-in connection may stay, one of a stranger has the time of a handshake', async t => {
  const listener = { host: '127.0.0.1', port: 0, protocol: 'ws', handshakeTimeoutMs: 300 } as const
  const { server, ask, port } = await brokerWithApi(t, {
    listeners: [{ host: '127.0.0.1', port: 0 }, listener],
  })
  const key = server.api.newLink('viewer')?.split('#key=')[1]
  const { headers } = await ask('POST', '/session', { body: { key } })
  const cookie = String(headers['set-cookie']).split(';')[0] ?? ''
  const stream = await streaming(t, port, 'metrics=1', { cookie })
  const stranger = connect(port, '127.0.0.1')
  stranger.on('error', () => {})
  stranger.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  stranger.resume()

  await once(stranger, 'close')
  await stream.next('metrics')
  await stream.next('metrics')

  t.equal(stream.status, 200)
})

/** Asks for a stream and reads nothing of it. With small segments the kernels of both sides keep little of it. */
const SLOW_READER = `
import socket, sys
port, path, key = sys.argv[1:]
reader = socket.socket()
reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
reader.connect(('127.0.0.1', int(port)))
head = f'GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: Bearer {key}\\r\\n\\r\\n'
reader.sendall(head.encode())
sys.stdin.read()
`

test('a reader that does not read loses its stream, which is counted and logged, and nobody else loses anything', async t => {
  const { operator, port, mqtt: url, lines } = await brokerWithApi(t)
  const { json } = await operator('POST', '/keys', { body: { name: 'slow', role: 'operator' } })
  const { key } = json
  const words = ['-c', SLOW_READER, `${port}`, '/api/v1/stream?messages=load/%23', key]
  const reader = spawn('python3', words, { stdio: ['pipe', 'ignore', 'inherit'] })
  t.teardown(() => reader.kill())
  const headers = { authorization: `Bearer ${key}` }
  const other = await streaming(t, port, 'messages=load/%23', headers)
  const figures = async () => (await operator('GET', '/status')).json.api
  while ((await figures()).streams < 2) await new Promise(settle => setTimeout(settle, 20))
  const client = await mqtt.connectAsync(url)
  // A stream has 64 KiB a second.
  const topic = `load/${'x'.repeat(6_000)}`

  while ((await figures()).streams === 2) {
    for (let count = 0; count < 20; count++) await client.publishAsync(topic, 'x')
    await new Promise(settle => setTimeout(settle, 100))
  }

  t.match(await figures(), { streams: 1, streamsTooSlow: 1 })
  t.match(
    lines.filter(line => line.includes('stream.closed')),
    [/"by":"key slow","cause":"it did not read, and 256 KiB waited for it"/],
  )
  const [before] = [other.heard.length]
  await client.publishAsync(topic, 'more')
  await other.next('message')
  t.ok(before > 0)
  await client.endAsync()
})

test('a stream is closed when 256 KiB wait for a reader that does not read', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const reader = connect(port, '127.0.0.1').on('error', () => {})
  reader.pause()
  reader.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [, outgoing] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
  const outlet = new Outlet(outgoing, () => 0)
  const json = JSON.stringify('x'.repeat(60_000))

  let most = 0
  while (outlet.isOpen) {
    outlet.send('message', json)
    most = Math.max(most, outgoing.writableLength)
    await new Promise(setImmediate)
  }

  t.ok(most > 262_144 && most < 400_000, `${most} bytes waited`)
  reader.destroy()
})
