// What a client may not do, and what becomes of it: who is not let in, wills, publishes and subscriptions without a right,
// and the topics that the broker keeps for itself.

import { test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { openAccess } from '../../src/access/open-access.ts'
import { BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED } from '../../src/packet/reason.ts'
import { Pond } from '../pond.ts'

const VERSIONS = [3, 4, 5] as const

/** Alice may publish and subscribe below `hers/`, everybody else everything. */
const HERS: Access = {
  ...openAccess,
  authenticate: credentials => {
    if (credentials.clientId !== 'alice') return openAccess.authenticate(credentials)
    const isHers = (topic: string): boolean => topic.startsWith('hers/')
    return { kind: 'allowed', permissions: { mayPublish: isHers, maySubscribe: isHers } }
  },
}

/** Another client, which hears the filter. */
function watcherIn(pond: Pond, filter: string) {
  const watcher = pond.client('watcher')
  watcher.subscribes(filter, 2)
  watcher.hears()
  return watcher
}

test('a client that is not let in hears why, is closed, and leaves no will', async t => {
  for (const reason of [BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED] as const) {
    for (const version of VERSIONS) {
      const access: Access = {
        ...openAccess,
        authenticate: credentials =>
          credentials.clientId === 'watcher'
            ? openAccess.authenticate(credentials)
            : { kind: 'refused', reason, sentence: 'not today' },
      }
      const pond = new Pond({ access })
      const watcher = watcherIn(pond, 'will')
      const client = pond.stranger('alice', { version, will: { topic: 'will' } })

      client.connects()

      t.strictSame(client.hears(), [`connack 0x${reason.toString(16)}`, 'closed'])
      t.strictSame(watcher.hears(), [])
      t.equal(pond.broker.statistics.connectionsRefused, 1)
    }
  }
})

test('a client that is not let in does not end the one that has its client id', async t => {
  let isOpen = true
  const access: Access = {
    ...openAccess,
    authenticate: credentials =>
      isOpen
        ? openAccess.authenticate(credentials)
        : { kind: 'refused', reason: NOT_AUTHORIZED, sentence: 'not today' },
  }
  const pond = new Pond({ access })
  const first = pond.client('alice')
  isOpen = false

  pond.stranger('alice').connects()
  first.pings()

  t.strictSame(first.hears(), ['pingresp'])
})

const PUBLISH_ANSWERS = [
  { version: 3, qos: 0, heard: [] },
  { version: 3, qos: 1, heard: ['puback #1 0x0'] },
  { version: 3, qos: 2, heard: ['pubrec #1 0x0'] },
  { version: 4, qos: 0, heard: [] },
  { version: 4, qos: 1, heard: ['puback #1 0x0'] },
  { version: 4, qos: 2, heard: ['pubrec #1 0x0'] },
  { version: 5, qos: 0, heard: [] },
  { version: 5, qos: 1, heard: ['puback #1 0x87'] },
  { version: 5, qos: 2, heard: ['pubrec #1 0x87'] },
] as const

for (const topic of ['$SYS/broker/version', '$SYS', '$share/g/a', '$queue/a', 'theirs/a']) {
  test(`a client without the right to publish to ${topic} hears so where its version can say it, and nobody gets it`, async t => {
    for (const { version, qos, heard } of PUBLISH_ANSWERS) {
      const pond = new Pond({ access: HERS })
      const watchers = [watcherIn(pond, '#'), pond.client('other')]
      watchers[1]?.subscribes('$SYS/#', 2)
      watchers[1]?.hears()
      const client = pond.client('alice', { version })

      client.publishes(topic, 'mine', { qos, retain: true })

      t.strictSame(client.hears(), heard, `version ${version}, QoS ${qos}`)
      for (const watcher of watchers) t.strictSame(watcher.hears(), [])
      t.equal(pond.broker.statistics.publishesRefused, 1)
      const late = pond.client('late')
      late.subscribes('#')
      late.subscribes('$SYS/#')
      t.strictSame(late.hears(), ['suback #1 0x0', 'suback #2 0x0'], 'nothing is retained')
    }
  })
}

test('all rights do not open the topics that the broker keeps for itself', async t => {
  const client = new Pond().client('alice')

  client.publishes('$SYS/broker/version', 'mine', { qos: 1 })

  t.strictSame(client.hears(), ['puback #1 0x87'])
})

test('a will that the client has no right to publish ends the connection before it has a session', async t => {
  for (const version of VERSIONS) {
    for (const topic of ['theirs/a', '$SYS/broker/version']) {
      const pond = new Pond({ access: HERS })
      const watcher = watcherIn(pond, '#')
      const client = pond.stranger('alice', { version, will: { topic, retain: true } })

      client.connects()

      t.strictSame(client.hears(), ['connack 0x87', 'closed'], `${topic} in version ${version}`)
      t.strictSame(watcher.hears(), [])
      t.equal(pond.broker.statistics.willsPublished, 0)
    }
  }
})

test('a subscription without the right is refused, the others of its SUBSCRIBE are not', async t => {
  for (const version of VERSIONS) {
    const pond = new Pond({ access: HERS })
    const client = pond.client('alice', { version })
    client.subscribes('theirs/a')
    client.subscribes('#')
    client.subscribes('hers/#')
    const refused = version === 5 ? '0x87' : '0x80'
    t.strictSame(client.hears(), [`suback #1 ${refused}`, `suback #2 ${refused}`, 'suback #3 0x0'])

    const bob = pond.client('bob')
    bob.publishes('theirs/a', 'x')
    bob.publishes('hers/a', 'x')

    t.strictSame(client.hears(), ['publish hers/a x q0'])
  }
})
