// Clients that an HTTP service knows, as real clients meet it.

import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { brokerOnPort } from '../interop/programs.ts'

async function brokerAsking(t: Test, answers: RequestListener, access: object = {}) {
  const service = createServer(answers).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/`
  const lines: string[] = []
  const note = (line: object, sentence: string): void => {
    lines.push(`${JSON.stringify(line)} ${sentence}`)
  }
  const log = { debug: note, info: note, warn: note, error: note }
  const listeners = [{ protocol: 'ws' as const, host: '127.0.0.1', port: 0 }]
  const http = { url, timeoutMs: 500 }
  const { broker, port } = await brokerOnPort({ listeners, log, access: { http, ...access } })
  t.teardown(async () => {
    await broker.close()
    service.closeAllConnections()
    service.close()
  })
  const codeOf = async (username: string, password: string): Promise<unknown> => {
    try {
      const client = await mqtt.connectAsync(`ws://127.0.0.1:${port}`, {
        username,
        password,
        protocolVersion: 5,
        reconnectPeriod: 0,
      })
      await client.endAsync()
      return 'let in'
    } catch (error) {
      return (error as { code?: unknown }).code
    }
  }
  const readyz = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).text()
  return { broker, codeOf, lines, readyz }
}

test('the service lets in, keeps out, or leaves to the password file', async t => {
  const users = { alice: formatHash(newPbkdf2(Buffer.from('hers'), 101)) }
  const order = ['http', 'users']
  const names: unknown[] = []
  const { broker, codeOf } = await brokerAsking(
    t,
    async (request, response) => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      const { username, password } = JSON.parse(body) as Record<string, unknown>
      const result = username === 'bob' ? (password === 'his' ? 'allow' : 'deny') : 'ignore'
      response.end(JSON.stringify({ result }))
    },
    { users, order },
  )
  broker.on('connected', ({ username }) => names.push(username))

  t.equal(await codeOf('bob', 'his'), 'let in')
  t.equal(await codeOf('bob', 'hers'), 0x86)
  t.equal(await codeOf('alice', 'hers'), 'let in')
  t.equal(await codeOf('carol', 'hers'), 0x86)
  t.strictSame(names, ['bob', 'alice'])
})

test('a service that hangs, fails or talks too much lets nobody in, and the log says why', async t => {
  const answers: Record<string, RequestListener> = {
    hangs: () => {},
    fails: (_request, response) => response.writeHead(500).end('{"result":"allow"}'),
    talks: (_request, response) => response.end('x'.repeat(10_000_000)),
    breaks: (_request, response) => response.destroy(),
  }
  for (const [name, answer] of Object.entries(answers)) {
    const { codeOf, lines, readyz } = await brokerAsking(t, answer)

    t.equal(await codeOf('alice', 'secret'), 0x88, name)
    t.ok(
      lines.some(line => line.includes('access.http.failed')),
      name,
    )
    t.notOk(
      lines.some(line => line.includes('secret')),
      name,
    )
    t.match(await readyz(), /The HTTP service that knows users does not answer/)
  }
})
