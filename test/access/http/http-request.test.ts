// HTTP requests with bounds.

import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Test, test } from 'tap'
import { HttpService } from '../../../src/access/http/http-request.ts'

async function serviceOf(t: Test, answer: RequestListener, timeoutMs = 200): Promise<HttpService> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const bounds = { connectionsMax: 2, timeoutMs, answerBytesMax: 1_000 }
  const service = new HttpService(`http://127.0.0.1:${port}/`, undefined, bounds)
  t.teardown(() => {
    service.close()
    server.closeAllConnections()
    server.close()
  })
  return service
}

const GET = { method: 'GET', headers: {} } as const

test('a service that hangs before or within its answer is left after the time-out', async t => {
  const silent = await serviceOf(t, () => {})
  const slow = await serviceOf(t, (_request, response) => {
    response.writeHead(200)
    const drip = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(drip))
  })

  await t.rejects(silent.ask(GET), { message: 'no answer in 200 ms' })
  await t.rejects(slow.ask(GET), { message: 'no answer in 200 ms' })
})

test('a service that is away, and one that talks without end, are told', async t => {
  const away = new HttpService('http://127.0.0.1:9/', undefined, {
    connectionsMax: 1,
    timeoutMs: 200,
    answerBytesMax: 1,
  })
  const endless = await serviceOf(
    t,
    (_request, response) => {
      const pour = (): void => {
        while (response.write('x'.repeat(10_000)));
      }
      response.on('drain', pour)
      pour()
    },
    5_000,
  )

  await t.rejects(away.ask(GET), { message: 'ECONNREFUSED' })
  await t.rejects(endless.ask(GET), { message: 'an answer of over 1000 bytes' })
})
