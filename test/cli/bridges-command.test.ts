// `pondhawk bridges`, at a running broker.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { test } from 'tap'
import { bridgesCommand } from '../../src/cli/bridges-command.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { openAdminSocket } from '../../src/server/admin-socket.ts'
import { startServer } from '../../src/server/server.ts'
import { freePort } from '../interop/programs.ts'

test('bridges are listed with their state, and why one is not connected', async t => {
  // A socket has a short path.
  const directory = mkdtempSync(resolve(tmpdir(), 'pondhawk-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const address = `127.0.0.1:${await freePort()}`
  const config = parseConfig({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    store: { directory },
    bridges: { north: { addresses: [address], topics: [{ filter: '#', direction: 'out' }] } },
  })
  let told = (): void => {}
  const isLost = new Promise<void>(settle => (told = settle))
  const line = ({ event }: { readonly event?: unknown }): void => {
    if (event === 'bridge.lost') told()
  }
  const log = { debug: line, info: line, warn: line, error: line }
  const server = await startServer(config, log)
  const close = await openAdminSocket({ onRequest: server.api.onAdminRequest, log }, directory)
  t.teardown(() => Promise.all([close(), server.close()]))
  await isLost

  const { output, note } = await bridgesCommand({ values: {}, positionals: [] }, config)
  const lines = await bridgesCommand({ values: { json: true }, positionals: [] }, config)

  t.match(output, new RegExp(`^BRIDGE .*\\nnorth +waiting .*Z +${address} +0 .*ECONNREFUSED`))
  t.equal(note, '0 of 1 bridge connected\n')
  t.match(JSON.parse(lines.output), { name: 'north', state: 'waiting', queuedMessages: 0 })
  await t.rejects(bridgesCommand({ values: {}, positionals: ['north'] }, config), /flags only/)
})
