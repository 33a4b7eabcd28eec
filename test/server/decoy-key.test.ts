// Salts for strangers who try SCRAM, from one start of a broker to the next.

import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'tap'
import { newScram } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { createBroker } from '../../src/index.ts'
import { ScramClient } from '../access/scram/scram-client.ts'
import { WireClient } from '../wire-client.ts'

const USERS = { alice: formatHash(newScram(Buffer.from('x'), 'sha256', 4_096)) }

/** Starts a broker, asks it for the salt of a user, and stops it. */
async function saltOf(directory: string, name: string): Promise<string> {
  const broker = await createBroker({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    access: { users: USERS },
    store: { directory },
  })
  const client = await WireClient.open(broker.listeners[0]?.port ?? 0)
  const authenticationData = new ScramClient(name, 'x').first
  client.connects({ properties: { authenticationMethod: 'SCRAM-SHA-256', authenticationData } })
  const answer = await client.hears()
  const challenge = answer?.type === 'auth' ? answer.properties.authenticationData : undefined
  await broker.close()
  return /s=([^,]+)/.exec(challenge?.toString() ?? '')?.[1] ?? ''
}

test('a stranger gets the same salt after a restart, as a user of the configuration does', async t => {
  const directory = resolve(t.testdir(), 'data')

  const [known, stranger] = [await saltOf(directory, 'alice'), await saltOf(directory, 'mallory')]

  t.equal(await saltOf(directory, 'alice'), known)
  t.equal(await saltOf(directory, 'mallory'), stranger)
  t.not(await saltOf(directory, 'eve'), stranger)
  const file = resolve(directory, 'scram-decoys.key')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.strictSame(
    readdirSync(directory).filter(name => name.includes('.new')),
    [],
  )
  writeFileSync(file, 'cut')
  t.not(await saltOf(directory, 'mallory'), stranger, 'a new key')
  t.equal((await saltOf(directory, 'mallory')).length, stranger.length)
})
