// A client that may receive all that its subscriptions bring is not asked about, message by message.

import { test } from 'tap'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../src/access/mosquitto/acl-rules.ts'
import { CurrentRules, RulePermissions } from '../../src/access/rules/rule-permissions.ts'
import { recordedCalls } from '../journey/recorded-calls.ts'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

function bookOf(text: string): AclRules {
  return new AclRules(parseAclFile(Buffer.from(text), 'rules'))
}

/** How often the rules were asked about a message. */
class Counted extends RulePermissions {
  asked = 0

  override mayReceive(topic: string): boolean {
    this.asked += 1
    return super.mayReceive(topic)
  }
}

/** A broker with these rules, and a publisher that is not asked for. */
function ruled(text: string) {
  const rules = new CurrentRules(bookOf(text))
  const given: Counted[] = []
  const permissionsFor = (clientId: string, username: string | null, address: string) => {
    const permissions = new Counted(rules, { username, clientId, address })
    given.push(permissions)
    return permissions
  }
  const pond = new Pond({
    access: {
      authenticate: ({ clientId, username, address }) => ({
        kind: 'allowed',
        authentication: 'password',
        permissions: permissionsFor(clientId, username, address),
      }),
      beginExchange: () => null,
      permissionsOf: ({ clientId, username, address }) =>
        permissionsFor(clientId, username, address),
    },
  })
  const publisher = pond.client('p', { username: 'publisher' })
  const asked = () => given.reduce((sum, each) => sum + each.asked, 0)
  return { pond, publisher, rules, asked }
}

const HOME = `user publisher
topic #
user u
topic read home/#
topic read office/#`

test('a message of a subscription that lies within a rule is not checked', async t => {
  const { pond, publisher, asked } = ruled(HOME)
  const client = pond.client('c', { username: 'u', acknowledges: true })
  publisher.publishes('home/retained', 'r', { retain: true })
  client.subscribes('home/+')
  client.subscribes('$share/g/office/#', 1)
  client.hears()

  publisher.publishes('home/a', '1')
  publisher.publishes('home/b', '2', { qos: 2 })
  publisher.publishes('office/c', '3', { qos: 1 })

  t.strictSame(client.hears(), [
    'publish home/a 1 q0',
    'publish home/b 2 q0',
    'publish office/c 3 q1 #1',
  ])
  t.equal(asked(), 0)
})

test('each message is checked while one subscription is wider than the rules', async t => {
  const { pond, publisher, asked } = ruled(HOME)
  const client = pond.client('c', { username: 'u' })
  client.subscribes('home/a')
  client.subscribes('+/b')
  client.hears()

  publisher.publishes('home/a', '1')
  publisher.publishes('cellar/b', '2')
  publisher.publishes('office/b', '3')

  t.strictSame(client.hears(), ['publish home/a 1 q0', 'publish office/b 3 q0'])
  t.equal(asked(), 3)

  client.unsubscribes('+/b')
  publisher.publishes('home/a', '4')

  t.equal(asked(), 3, 'and not after it was left')

  client.subscribes('cellar/#')
  client.hears()
  publisher.publishes('cellar/b', '5')

  t.strictSame(client.hears(), [])
  t.equal(asked(), 4)
})

test('rules that close a topic hold for what comes next, of subscriptions, groups and retained messages', async t => {
  const { pond, publisher, rules } = ruled(HOME)
  const client = pond.client('c', { username: 'u', acknowledges: true })
  client.subscribes('home/#')
  client.subscribes('$share/g/home/#')
  publisher.publishes('home/locked', '1')
  t.equal(client.hears().filter(each => each.startsWith('publish')).length, 2)

  rules.replace(bookOf(`${HOME}\ntopic deny home/locked`))
  publisher.publishes('home/locked', '2')
  publisher.publishes('home/open', '3')

  t.strictSame(client.hears(), ['publish home/open 3 q0', 'publish home/open 3 q0'])

  publisher.publishes('home/locked', '4', { retain: true })
  client.subscribes('home/+')
  t.notOk(client.hears().some(each => each.startsWith('publish')))

  rules.replace(bookOf(HOME))
  client.subscribes('home/locked')
  t.equal(client.hears().filter(each => each.startsWith('publish')).length, 1)
})

test('queued messages are checked by the rules at the time of sending', async t => {
  const { pond, publisher, rules } = ruled(HOME)
  const client = pond.client('c', { ...DURABLE, username: 'u' })
  client.subscribes('home/#', 1)
  client.hears()
  client.vanishes()
  publisher.publishes('home/locked', '1', { qos: 1 })
  publisher.publishes('home/open', '2', { qos: 1 })
  rules.replace(bookOf(`${HOME}\ntopic deny home/locked`))

  const again = pond.stranger('c', { ...DURABLE, username: 'u' })
  again.connects()

  t.notOk(again.hears().some(each => each.includes('home/locked')))
})

test('a session has the rights of the client that resumes it, whatever its subscriptions covered before', async t => {
  const { pond, publisher } = ruled(`${HOME}\nuser v\ntopic read home/a`)
  const client = pond.client('c', { ...DURABLE, username: 'u' })
  client.subscribes('home/#')
  publisher.publishes('home/b', '1')
  client.hears()

  client.vanishes()
  // As a session that nobody's name stood for before.
  const session = pond.broker.sessions.get('c')
  if (session !== undefined)
    session.rights.identity = { ...session.rights.identity, username: null }
  const other = pond.stranger('c', { ...DURABLE, username: 'v' })
  other.connects()
  other.hears()

  publisher.publishes('home/b', '2')
  publisher.publishes('home/a', '3')

  t.strictSame(other.hears(), ['publish home/a 3 q0'])
})

test('a delivery to a client that is not restricted makes no call more than one without rules', async t => {
  const without = await callsOfADelivery(new Pond())
  const within = await callsOfADelivery(ruled('topic #').pond)

  t.ok(without.length > 3, without.join(', '))
  t.strictSame(within, without)
})

/** From the subscriber's session on: the right to publish is another question, once a message. */
async function callsOfADelivery(pond: Pond): Promise<readonly string[]> {
  const publisher = pond.client('publishing')
  const subscriber = pond.client('subscribing')
  subscriber.subscribes('t')
  for (let times = 0; times < 20; times++) publisher.publishes('t', 'x')
  const calls = await recordedCalls(() => publisher.publishes('t', 'x'))
  const first = calls.findIndex(({ file }) => file === 'session/session.ts')
  return calls.slice(first).map(({ file, name }) => `${name} ${file}`)
}
