// The socket of administration: what goes wrong at it ends neither the broker nor what it serves.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { Server as SocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { Api } from '../../src/api/api.ts'
import { asked } from '../../src/cli/admin-client.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { LogFields } from '../../src/observe/log.ts'
import { adminSocketIn, openAdminSocket } from '../../src/server/admin-socket.ts'
import { Pond } from '../pond.ts'

const SKIP = process.platform === 'win32' && 'there are no Unix sockets'

function unused(): never {
  throw new Error('nobody asks for it here')
}

async function opened(t: Test) {
  const listens = t.capture(SocketServer.prototype, 'listen', SocketServer.prototype.listen)
  const pond = new Pond()
  const lines: LogFields[] = []
  const found = { urls: 0 }
  const line = (fields: LogFields): void => void lines.push(fields)
  const log = { debug: line, info: line, warn: line, error: line }
  // A socket has a short path.
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-'))
  const api = new Api({
    core: pond.core,
    config: parseConfig({}),
    origin: null,
    configProblems: unused,
    approvals: null,
    log,
    now: Date.now,
    status: unused,
    records: {} as never,
    shareSettings: {} as never,
    permissionsOf: unused,
    storeFreeBytes: unused,
    webUrl: () => {
      found.urls += 1
      return 'http://localhost'
    },
    drain: unused,
    bridges: () => [],
    listeners: unused,
    certificates: unused,
    reloadAccess: unused,
    reloadCertificates: unused,
    backups: unused,
    getLogLevel: unused,
    setLogLevel: unused,
    failed: unused,
  })
  const close = await openAdminSocket({ onRequest: api.onAdminRequest, log }, directory)
  t.teardown(async () => {
    await close()
    rmSync(directory, { recursive: true, force: true })
  })
  const [listen] = listens()
  const server = listen?.receiver as unknown as Server
  return { api, found, pond, lines, server, socketPath: adminSocketIn(directory) }
}

test('a connection that cannot be accepted is a line of the log', { skip: SKIP }, async t => {
  const { lines, server } = await opened(t)

  server.emit('error', new Error('accept EMFILE'))

  t.match(lines, [{ event: 'accept.failed', cause: 'accept EMFILE' }])
})

test('the API is read in an idle second, and once', { skip: SKIP }, async t => {
  const { api, found, pond } = await opened(t)

  api.loadIfIdle()
  for (let count = 0; count < 6; count++) pond.client(`client-${count}`)
  api.loadIfIdle()
  t.equal(found.urls, 0)
  api.loadIfIdle()
  t.equal(found.urls, 1)
  api.loadIfIdle()
  t.equal(found.urls, 1)
})

test(
  'a long list leaves no listeners behind while it waits for its reader',
  { skip: SKIP },
  async t => {
    const { pond, server, socketPath } = await opened(t)
    const SESSIONS = 5_000
    pond.inOneTurn(() => {
      for (let count = 0; count < SESSIONS; count++) pond.stranger(`client-${count}`).connects()
    })
    let most = 0
    server.on('request', (_request, response) => {
      response.on('newListener', () => (most = Math.max(most, response.listenerCount('close'))))
    })

    const headers = { accept: 'application/x-ndjson' }
    const asked = request({ socketPath, path: '/api/v1/clients', headers }).end()
    const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream]
    let text = ''
    for await (const chunk of response) text += String(chunk)

    t.equal(text.split('\n').length - 1, SESSIONS)
    t.ok(most < 5, `${most} listeners`)
  },
)

test(
  'a command that finds all places taken waits for one, and is told when it waits in vain',
  { skip: SKIP },
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'pondhawk-'))
    const held: ServerResponse[] = []
    const onRequest = (_: IncomingMessage, response: ServerResponse): void =>
      void held.push(response)
    const silent = (): void => {}
    const log = { debug: silent, info: silent, warn: silent, error: silent }
    const close = await openAdminSocket({ onRequest, log, waitMs: 300 }, directory)
    t.teardown(async () => {
      await close()
      rmSync(directory, { recursive: true, force: true })
    })
    const answer = () => asked(directory, { path: '/status' })
    const first = Array.from({ length: 8 }, answer)
    while (held.length < 8) await new Promise(setImmediate)

    const ninth = answer()
    while (held.length < 9) {
      held[0]?.end('done')
      await new Promise(setImmediate)
    }
    held[8]?.end('after a wait')
    t.equal(await ninth, 'after a wait')
    t.equal(await first[0], 'done')
    const [, ...others] = first
    const tenth = answer()
    while (held.length < 10) await new Promise(setImmediate)
    await t.rejects(answer(), /8 commands use the admin socket already: wait for one, or end/)
    for (const each of held.slice(1)) each.end('')
    await Promise.all([...others, tenth])
  },
)
