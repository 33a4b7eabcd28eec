// Case 34, before there is a session: nobody takes a client id that is meant for another user. The option is access.clientIdPattern.

import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { brokerOnPort } from '../interop/programs.ts'

async function brokerWith(t: Test, clientIdPattern: string) {
  const hash = formatHash(newPbkdf2(Buffer.from('x'), 101))
  const users = { alice: hash, 'alice-1': hash, bob: hash }
  const { broker, port } = await brokerOnPort({
    access: { users, clientIdPattern, anonymous: 'loopback' },
  })
  t.teardown(() => broker.close())
  /** `in`, or the reason code. */
  return async (clientId: string, username: string | null, protocolVersion: 4 | 5 = 5) => {
    const options = {
      clientId,
      protocolVersion,
      reconnectPeriod: 0,
      ...(username !== null && { username, password: 'x' }),
    }
    try {
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options)
      await client.endAsync()
      return 'in'
    } catch (refusal) {
      return (refusal as { code: number }).code
    }
  }
}

test('with a pattern a user takes no client id of others, and whoever has no user takes none', async t => {
  const connects = await brokerWith(t, '%u:*')

  t.equal(await connects('bob:1', 'bob'), 'in')
  t.equal(await connects('bob:', 'bob'), 'in')
  t.equal(await connects('bob', 'bob'), 0x85)
  t.equal(await connects('alice:1', 'bob'), 0x85)
  t.equal(await connects('BOB:1', 'bob'), 0x85)
  t.equal(await connects('alice-1:x', 'alice'), 0x85, 'a name that begins like another')
  t.equal(await connects('bob:1', null), 0x85)
  t.equal(await connects('bob', 'bob', 4), 2, 'identifier rejected, before MQTT 5')
  t.equal(await connects('', 'bob'), 'in', 'the broker makes one')
  t.equal(await connects('', null), 'in')
})

test('a pattern may be the user name alone, or stand between fixed text', async t => {
  const alone = await brokerWith(t, '%u')
  const between = await brokerWith(t, 'site 1/%u/')

  t.equal(await alone('bob', 'bob'), 'in')
  t.equal(await alone('bob2', 'bob'), 0x85)
  t.equal(await between('site 1/bob/', 'bob'), 'in')
  t.equal(await between('site 1/bob/x', 'bob'), 0x85)
})

test('a pattern without the user name, with two, or with * elsewhere is refused with a sentence', async t => {
  for (const clientIdPattern of ['', '*', '*-device', '%u%u', '*%u', '%u*x', '%u**']) {
    t.throws(
      () => parseConfig({ access: { clientIdPattern } }),
      { message: /access\.clientIdPattern: expected %u once, and \* only at the end/ },
      clientIdPattern,
    )
  }
})
