// The log names the rule that decided, and the client hears nothing of it.

import { test } from 'tap'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../src/access/mosquitto/acl-rules.ts'
import { CurrentRules, RulePermissions } from '../../src/access/rules/rule-permissions.ts'
import type { Log, LogFields } from '../../src/observe/log.ts'
import { LogObserver } from '../../src/observe/log-observer.ts'
import { RatedLog } from '../../src/observe/rated-log.ts'
import { Pond } from '../pond.ts'

const RULES = `user alice
topic home/#
topic deny home/alarm/#
topic read office/#
subscribe home/#
subscribe office/#
`

/** The warnings of a broker with these rules. */
function ruled() {
  const warnings: LogFields[] = []
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: fields => warnings.push(fields),
    error: () => {},
  }
  const rules = new CurrentRules(new AclRules(parseAclFile(Buffer.from(RULES), 'rules.acl')))
  const world: { pond: Pond | null } = { pond: null }
  const now = (): number => world.pond?.now ?? 0
  const bounds = { repeatsMax: 5, addressLinesMax: 100, eventLinesMax: 1_000 }
  const ruleOf = (clientId: string, topic: string) =>
    world.pond?.broker.sessions.get(clientId)?.rights.receiveRule(topic) ?? null
  const pond = new Pond({
    observer: new LogObserver(new RatedLog(log, { bounds, now }), { receiveRule: ruleOf }),
    access: {
      authenticate: ({ clientId, username, address }) => ({
        kind: 'allowed',
        authentication: 'password',
        permissions: new RulePermissions(rules, { clientId, username, address }),
      }),
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  world.pond = pond
  return { pond, warnings }
}

test('a publish that is refused names the line that denies it, or that none allows it', async t => {
  const { pond, warnings } = ruled()
  const alice = pond.client('a', { username: 'alice' })

  alice.publishes('home/alarm/code', '1', { qos: 1 })
  alice.publishes('office/door', '2', { qos: 1 })

  t.match(warnings, [
    { event: 'publish.refused', topic: 'home/alarm/code', rule: 'rules.acl:3' },
    { event: 'publish.refused', topic: 'office/door', rule: 'none allows it' },
  ])
  const heard = JSON.stringify(alice.receives())
  t.match(heard, 'no right to publish to this topic')
  t.notMatch(heard, /rules\.acl|none allows/)
})

test('a subscription that is refused names its line', async t => {
  const { pond, warnings } = ruled()
  const alice = pond.client('a', { username: 'alice' })

  alice.subscribes('cellar/#')

  t.match(warnings, [{ event: 'subscribe.refused', filter: 'cellar/#', rule: 'none allows it' }])
  t.notMatch(JSON.stringify(alice.receives()), /rules\.acl|none allows/)
})

test('the first of the deliveries that are dropped in a minute names its line', async t => {
  const { pond, warnings } = ruled()
  const alice = pond.client('a', { username: 'alice' })
  alice.subscribes('home/#')

  for (let count = 0; count < 50; count++) {
    pond.turn.begin()
    pond.broker.publishing.announce('home/alarm/code', String(count))
    pond.settles()
  }

  t.match(warnings, [
    {
      event: 'message.dropped',
      clientId: 'a',
      reason: 'no-right-to-receive',
      topic: 'home/alarm/code',
      rule: 'rules.acl:3',
    },
  ])
  t.equal(warnings.length, 1)
})
