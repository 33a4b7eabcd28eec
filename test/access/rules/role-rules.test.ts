// Roles and groups with priorities, in the order in which mosquitto's dynamic security asks them.

import { test } from 'tap'
import { Gate } from '../../../src/access/rules/gate.ts'
import { RememberedVerdicts } from '../../../src/access/rules/remembered-verdicts.ts'
import {
  type Given,
  type Group,
  type Role,
  type RoleRule,
  rulesOfRoles,
} from '../../../src/access/rules/role-rules.ts'

const DEFAULTS = { send: false, receive: true, subscribe: false }

function role(name: string, ...rules: readonly Partial<RoleRule>[]): Role {
  const rule = { action: 'send', isLiteral: false, filter: '#', allows: true, priority: 0 } as const
  return { name, rules: rules.map(each => ({ ...rule, ...each })) }
}

function gateOf(roles: readonly Given<Role>[], groups: readonly Given<Group>[] = []): Gate {
  return new Gate(rulesOfRoles(roles, groups, DEFAULTS), new RememberedVerdicts())
}

test('the defaults hold where nothing else is said', async t => {
  const gate = gateOf([])

  t.equal(gate.maySend('a', 0, false), false)
  t.equal(gate.mayReceive('a'), true)
  t.equal(gate.maySubscribe('a'), false)
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
  t.equal(gate.maySubscribe('a/b/#'), true)
  t.equal(gate.maySubscribe('#'), false)
  t.equal(gate.maySubscribe('b/+'), true)
  t.equal(gate.maySubscribe('b/c'), false)
  t.equal(gate.maySend('a', 0, false), false)
})
