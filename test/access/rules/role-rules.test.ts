// Roles and groups with priorities, in the order in which mosquitto's dynamic security asks them.

import { test } from 'tap'
import { Gate } from '../../../src/access/rules/gate.ts'
import { RememberedVerdicts } from '../../../src/access/rules/remembered-verdicts.ts'
import {
  type Given,
  type Group,
  Role,
  type RoleRule,
  rolesInOrder,
  rulesOfRoles,
} from '../../../src/access/rules/role-rules.ts'
import type { RuleSubject } from '../../../src/access/rules/rule.ts'

const DEFAULTS = { send: false, receive: true, subscribe: false, unsubscribe: true }
const SUBJECT: RuleSubject = { username: 'u', clientId: 'c', address: '' }

function role(name: string, ...rules: readonly Partial<RoleRule>[]): Role {
  return new Role({ name, allowsWildcards: true, rules: rules.map(whole), place: name })
}

function whole(rule: Partial<RoleRule>): RoleRule {
  return {
    action: 'send',
    isLiteral: false,
    filter: '#',
    allows: true,
    priority: 0,
    place: 'r:1',
    ...rule,
  }
}

function gateOf(
  roles: readonly Given<Role>[],
  groups: readonly Given<Group>[] = [],
  subject: Partial<RuleSubject> = {},
): Gate {
  const ordered = rolesInOrder(roles, groups)
  const rules = rulesOfRoles(ordered, DEFAULTS, { ...SUBJECT, ...subject })
  return new Gate(rules, new RememberedVerdicts())
}

/** What one role lets through. */
function gateOfRole(...rules: readonly Partial<RoleRule>[]): Gate {
  return gateOf([{ value: role('r', ...rules), priority: 0 }])
}

test('the defaults hold where nothing else is said', async t => {
  const gate = gateOf([])

  t.equal(gate.maySend('a', 0, false), false)
  t.equal(gate.mayReceive('a'), true)
  t.equal(gate.maySubscribe('a', null), false)
  t.equal(gate.mayReceiveAllOf('a/#'), true)
})

test('the role with the highest priority decides, and names decide between equals', async t => {
  const yes = role('b', { filter: 'a/#' })
  const no = role('a', { filter: 'a/#', allows: false })
  const may = (...roles: readonly Given<Role>[]) => gateOf(roles).maySend('a/x', 0, false)

  t.equal(may({ value: yes, priority: 5 }, { value: no, priority: 1 }), true)
  t.equal(may({ value: yes, priority: 1 }, { value: no, priority: 5 }), false)
  t.equal(may({ value: yes, priority: 1 }, { value: no, priority: 1 }), false)
})

test('the priority of rules decides within a role, and a topic that is named goes first', async t => {
  const gate = gateOf([
    {
      priority: 0,
      value: role(
        'r',
        { filter: 'a/#', allows: false, priority: 9 },
        { filter: 'a/b/#', allows: true, priority: 99 },
        { filter: 'a/x', isLiteral: true, allows: true, priority: -5 },
      ),
    },
  ])

  t.equal(gate.maySend('a/b/c', 0, false), true)
  t.equal(gate.maySend('a/c', 0, false), false)
  t.equal(gate.maySend('a/x', 0, false), true)
})

test("a client's own roles go before those of its groups", async t => {
  const own = role('own', { filter: 'a', allows: false })
  const group = { name: 'g', roles: [{ value: role('group', { filter: '#' }), priority: 9 }] }
  const gate = gateOf([{ value: own, priority: -1 }], [{ value: group, priority: 100 }])

  t.equal(gate.maySend('a', 0, false), false)
  t.equal(gate.maySend('b', 0, false), true)
})

test('sending, receiving and subscribing are separate rights', async t => {
  const gate = gateOf([
    {
      priority: 0,
      value: role(
        'r',
        { action: 'receive', filter: 'secret/#', allows: false },
        { action: 'subscribe', filter: 'a/#' },
        { action: 'subscribe', filter: 'b/+', isLiteral: true },
      ),
    },
  ])

  t.equal(gate.mayReceive('secret/x'), false)
  t.equal(gate.mayReceiveAllOf('#'), false)
  t.equal(gate.mayReceiveAllOf('a/#'), true)
  t.equal(gate.maySubscribe('a/b/#', null), true)
  t.equal(gate.maySubscribe('#', null), false)
  t.equal(gate.maySubscribe('b/+', null), true)
  t.equal(gate.maySubscribe('b/c', null), false)
  t.equal(gate.maySend('a', 0, false), false)
})

test('names as whole levels stand for those of the client, and for nobody else', async t => {
  const named = role('r', { filter: 'home/%u/%c/#' }, { filter: 'x%u', allows: true })
  const may = (subject: Partial<RuleSubject>, topic: string) =>
    gateOf([{ value: named, priority: 0 }], [], subject).maySend(topic, 0, false)

  t.equal(may({}, 'home/u/c/x'), true)
  t.equal(may({}, 'home/v/c/x'), false)
  t.equal(may({ username: '+' }, 'home/v/c/x'), false)
  t.equal(may({ username: null }, 'home//c/x'), false)
  t.equal(may({ username: 'v/c', clientId: 'c' }, 'home/v/c/c/x'), false)
  t.equal(may({}, 'xu'), false, 'only whole levels are names')
  t.equal(may({}, 'x%u'), true)
})

test('what is denied to a name with a slash is denied', async t => {
  const gate = gateOf(
    [
      {
        priority: 0,
        value: role('r', { filter: 'home/%u/#', allows: false, priority: 1 }, { filter: '#' }),
      },
    ],
    [],
    { username: 'a/b' },
  )

  t.equal(gate.maySend('home/a/b/c', 0, false), false)
  t.equal(gate.maySend('home/a', 0, false), true)
})

test('a share group is asked about with its prefix, and what is denied without it is denied', async t => {
  const gate = gateOfRole(
    { action: 'subscribe', filter: '$share/work/#' },
    { action: 'subscribe', filter: 'secret/#', allows: false },
    { action: 'subscribe', filter: '#' },
  )

  t.equal(gate.maySubscribe('jobs/#', 'work'), true)
  t.equal(gate.maySubscribe('jobs/#', 'other'), false, '# does not reach topics with $')
  t.equal(gate.maySubscribe('secret/x', 'work'), false)
  t.equal(gate.maySubscribe('secret/x', null), false)
  t.equal(gate.maySubscribe('jobs/#', null), true)
})

test('ending a subscription is a right of its own', async t => {
  const gate = gateOfRole(
    { action: 'unsubscribe', filter: 'alarms/#', allows: false },
    { action: 'unsubscribe', filter: 'alarms/own', isLiteral: true },
  )

  t.equal(gate.mayUnsubscribe('alarms/#', null), false)
  t.equal(gate.mayUnsubscribe('alarms/own', null), true)
  t.equal(gate.mayUnsubscribe('alarms/x', 'group'), false)
  t.equal(gate.mayUnsubscribe('other', null), true, 'the default')
})

test('a role without wildcards refuses them, whatever the roles behind it say', async t => {
  const rules = [whole({ action: 'subscribe', filter: '#' })]
  const narrow = new Role({
    name: 'narrow',
    allowsWildcards: false,
    rules,
    place: 'f:1 role narrow',
  })
  const wide = role('wide', { action: 'subscribe', filter: '#' })
  const gate = gateOf([
    { value: narrow, priority: 5 },
    { value: wide, priority: 1 },
  ])

  t.equal(gate.maySubscribe('a/b', null), true)
  t.equal(gate.maySubscribe('a/+', null), false)
  t.equal(gate.subscribingRule('a/+', null)?.place, 'f:1 role narrow')
})

test('a default that allows everything does not allow the topics that control the broker', async t => {
  const gate = gateOf([])

  t.equal(gate.mayReceive('$CONTROL/dynamic-security/v1'), false)
  t.equal(gate.mayUnsubscribe('$CONTROL/#', null), false)
  t.equal(gate.mayReceive('$SYS/broker/uptime'), true)
  t.equal(gate.mayReceiveAllOf('#'), true)
})
