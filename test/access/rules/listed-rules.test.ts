// Rules that come with a client: the first in the list that matches decides.

import { test } from 'tap'
import { NAMES_IN_BRACES } from '../../../src/access/rules/inserted-names.ts'
import { type ListedRule, ListedRules } from '../../../src/access/rules/listed-rules.ts'
import { CurrentRules, RulePermissions } from '../../../src/access/rules/rule-permissions.ts'
import { EVERY_KIND, kindsUpTo, type RuleSubject } from '../../../src/access/rules/rule.ts'

const SUBJECT: RuleSubject = { username: 'alice', clientId: 'c', address: '' }
const NOBODY = new ListedRules([], false, NAMES_IN_BRACES)

function permissionsOf(
  rules: readonly Partial<ListedRule>[],
  { otherwise = false, subject = SUBJECT }: { otherwise?: boolean; subject?: RuleSubject } = {},
): RulePermissions {
  const rule: ListedRule = {
    allows: true,
    actions: ['send'],
    filter: '#',
    isLiteral: false,
    kinds: EVERY_KIND,
    place: 'token',
  }
  const whole = rules.map((each, index) => ({ ...rule, place: `token, acl ${index + 1}`, ...each }))
  const own = new ListedRules(whole, otherwise, NAMES_IN_BRACES)
  return new RulePermissions(new CurrentRules(NOBODY), subject, own)
}

test('the first rule that matches decides, and what no rule matches is as was said', async t => {
  const rules = [{ filter: 'a/b', allows: false }, { filter: 'a/#' }]

  const closed = permissionsOf(rules)
  const open = permissionsOf(rules, { otherwise: true })

  t.equal(closed.mayPublish('a/b', 0, false), false)
  t.equal(closed.mayPublish('a/c', 0, false), true)
  t.equal(closed.mayPublish('x', 0, false), false)
  t.equal(open.mayPublish('x', 0, false), true)
  t.equal(open.mayPublish('a/b', 0, false), false)
  t.equal(closed.publishRule('a/b', 0, false), 'token, acl 1')
})

test('sending, receiving and subscribing are separate, and a limited rule lets through what it names', async t => {
  const permissions = permissionsOf([
    { filter: 'a', kinds: kindsUpTo(1, false) },
    { filter: 'b/#', actions: ['receive', 'subscribe'] },
    { filter: 'c/+', actions: ['subscribe'], isLiteral: true },
  ])

  t.equal(permissions.mayPublish('a', 1, false), true)
  t.equal(permissions.mayPublish('a', 2, false), false)
  t.equal(permissions.mayPublish('a', 1, true), false)
  t.equal(permissions.mayReceive('a'), false)
  t.equal(permissions.mayReceive('b/x'), true)
  t.equal(permissions.maySubscribe('b/+/y', null), true)
  t.equal(permissions.maySubscribe('#', null), false)
  t.equal(permissions.maySubscribe('c/+', null), true)
  t.equal(permissions.maySubscribe('c/x', null), false)
})

test('names of the client are one level each, and stand for nobody else', async t => {
  const filter = 'home/${username}/${clientid}/#'
  const may = (subject: Partial<RuleSubject>, topic: string) =>
    permissionsOf([{ filter }], { subject: { ...SUBJECT, ...subject } }).mayPublish(topic, 0, false)

  t.equal(may({}, 'home/alice/c/x'), true)
  t.equal(may({}, 'home/bob/c/x'), false)
  t.equal(may({ username: '+' }, 'home/bob/c/x'), false)
  t.equal(may({ clientId: '#' }, 'home/alice/c/x'), false)
  t.equal(may({ username: 'bob/c' }, 'home/bob/c/c/x'), false)
  t.equal(may({ username: '' }, 'home//c/x'), false)
  t.equal(may({ username: null }, 'home//c/x'), false)
  t.equal(may({ username: '${clientid}' }, 'home/${clientid}/c/x'), true)
  t.equal(may({ username: '${clientid}' }, 'home/c/c/x'), false)
})

test('a rule that denies, and cannot be applied to a name, denies everything', async t => {
  const rules = [{ filter: 'home/${username}/#', allows: false }, { filter: '#' }]

  const named = permissionsOf(rules, { otherwise: true })
  const odd = permissionsOf(rules, { otherwise: true, subject: { ...SUBJECT, username: 'a/b' } })

  t.equal(named.mayPublish('x', 0, false), true)
  t.equal(odd.mayPublish('x', 0, false), false)
})

test('a name that begins with $ makes no rule about topics that begin with it', async t => {
  const subject = { ...SUBJECT, username: '$SYS' }

  const permissions = permissionsOf([{ filter: '${username}/#', actions: ['receive'] }], {
    subject,
  })

  t.equal(permissions.mayReceive('$SYS/broker/uptime'), false)
})

test('the rules of a client stay when those of the configuration change', async t => {
  const current = new CurrentRules(NOBODY)
  const own = new ListedRules(
    [
      {
        allows: true,
        actions: ['send'],
        filter: 'a',
        isLiteral: true,
        kinds: EVERY_KIND,
        place: 'x',
      },
    ],
    false,
    NAMES_IN_BRACES,
  )
  const permissions = new RulePermissions(current, SUBJECT, own)
  t.equal(permissions.mayPublish('a', 0, false), true)

  current.replace(NOBODY)

  t.equal(permissions.mayPublish('a', 0, false), true)
})
