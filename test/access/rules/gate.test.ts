// The compiled gate says what a slow reading of the same lines says. GATE_CHECKS sets how many questions are asked.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import { parseAclFile } from '../../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../../src/access/mosquitto/acl-rules.ts'
import { Gate } from '../../../src/access/rules/gate.ts'
import {
  REMEMBERED_TOPIC_LENGTH_MAX,
  RememberedVerdicts,
} from '../../../src/access/rules/remembered-verdicts.ts'
import { CurrentRules, RulePermissions } from '../../../src/access/rules/rule-permissions.ts'
import type { RuleSubject } from '../../../src/access/rules/rule.ts'
import {
  fileOf,
  matches,
  mayRead,
  mayWrite,
  randomFilter,
  randomFrom,
  type RandomLine,
  randomLines,
  type RandomSubject,
  randomSubject,
  TOPICS,
} from './acl-oracle.ts'

const CHECKS = Number(process.env['GATE_CHECKS'] ?? 200_000)
const SUBJECT: RuleSubject = { username: 'u', clientId: 'c', address: '10.0.0.1' }

function gateOf(text: string, subject: RuleSubject, remembered = new RememberedVerdicts()): Gate {
  return new Gate(bookOf(text).rulesFor(subject), remembered)
}

function bookOf(text: string): AclRules {
  return new AclRules(parseAclFile(Buffer.from(text), 'rules.acl'))
}

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

function heapNow(): number {
  collect()
  return process.memoryUsage().heapUsed
}

/** Questions about every topic, each asked twice: the second answer is a remembered one. */
function wrongAnswers(gate: Gate, lines: readonly RandomLine[], subject: RandomSubject): string[] {
  const wrong: string[] = []
  for (const topic of [...TOPICS, ...TOPICS]) {
    if (gate.mayReceive(topic) !== mayRead(lines, subject, topic)) wrong.push(`read ${topic}`)
    for (const qos of [0, 1, 2]) {
      for (const retain of [false, true]) {
        const expected = mayWrite(lines, subject, topic, qos, retain)
        if (gate.maySend(topic, qos, retain) !== expected)
          wrong.push(`write ${topic} ${qos} ${retain}`)
      }
    }
  }
  return wrong
}

test(`the gate agrees with a slow reading of the same lines in ${CHECKS} answers`, async t => {
  let wholly = 0
  let asked = 0
  for (let seed = 1; asked < CHECKS; seed++) {
    const random = randomFrom(seed)
    const lines = randomLines(random)
    const rules = new AclRules(parseAclFile(Buffer.from(fileOf(lines)), 'rules.acl'))
    // So few are remembered that they are forgotten again and again.
    const remembered = new RememberedVerdicts(100)
    for (let count = 0; count < 4; count++) {
      const subject = randomSubject(random)
      const gate = new Gate(rules.rulesFor(subject), remembered)
      const wrong = wrongAnswers(gate, lines, subject)
      if (wrong.length > 0) t.strictSame(wrong, [], `seed ${seed} ${JSON.stringify(subject)}`)
      asked += TOPICS.length * 14
      for (let filters = 0; filters < 20; filters++) {
        const filter = randomFilter(random)
        if (!gate.mayReceiveAllOf(filter)) continue
        wholly++
        const closed = TOPICS.filter(
          each => matches(filter, each) && !mayRead(lines, subject, each),
        )
        if (closed.length > 0) t.strictSame(closed, [], `seed ${seed}: all of ${filter}`)
      }
    }
  }
  t.ok(wholly > asked / 5_000, `${wholly} filters needed no further look`)
})

test('messages of a filter that lies within one rule are not checked', async t => {
  const gate = gateOf(
    'user u\ntopic read home/#\ntopic deny home/locked/#\ntopic read a/+/b',
    SUBJECT,
  )

  t.equal(gate.mayReceiveAllOf('home/kitchen/#'), true)
  t.equal(gate.mayReceiveAllOf('home/kitchen/+/state'), true)
  t.equal(gate.mayReceiveAllOf('a/x/b'), true)
  t.equal(gate.mayReceiveAllOf('home/#'), false)
  t.equal(gate.mayReceiveAllOf('home/+/door'), false)
  t.equal(gate.mayReceiveAllOf('home/locked'), false)
  t.equal(gate.mayReceiveAllOf('#'), false)
  t.equal(gate.mayReceiveAllOf('$SYS/#'), false)
})

test('a SUBSCRIBE is refused only by `subscribe` lines', async t => {
  const text = 'user u\ntopic read #\nsubscribe home/#\nsubscribe deny home/+/secret/#'

  const gate = gateOf(text, SUBJECT)

  t.equal(gate.maySubscribe('home/kitchen', null), true)
  t.equal(
    gate.maySubscribe('#', null),
    true,
    'what overlaps is granted, and each delivery looked at',
  )
  t.equal(gate.maySubscribe('other/#', null), false)
  t.equal(gate.maySubscribe('home/x/secret/y', null), false)
  t.equal(gateOf('user u\ntopic deny #', SUBJECT).maySubscribe('x', null), true)
  t.equal(gateOf('user u\nsubscribe deny a/#', SUBJECT).maySubscribe('x', null), true)
  t.equal(gateOf('user u\nsubscribe deny a/#', SUBJECT).maySubscribe('a/+', null), false)
})

test('rules for one client id or for some addresses have no effect on others', async t => {
  const text =
    'user u\nclient c\ntopic a\nuser u\ncidr 10.0.0.0/8 fd00::/8\ntopic b\nuser u\ntopic d'
  const may = (subject: Partial<RuleSubject>) => {
    const gate = gateOf(text, { ...SUBJECT, ...subject })
    return ['a', 'b', 'd'].filter(topic => gate.maySend(topic, 0, false)).join('')
  }

  t.equal(may({}), 'abd')
  t.equal(may({ clientId: 'x' }), 'bd')
  t.equal(may({ address: '192.168.0.1' }), 'ad')
  t.equal(may({ address: '::ffff:10.9.9.9' }), 'abd')
  t.equal(may({ address: 'fd12::1' }), 'abd')
  t.equal(may({ address: '' }), 'ad', 'a Unix socket has no address')
  t.equal(may({ username: 'other' }), '')
})

test('the rule that decides can be named', async t => {
  const gate = gateOf('user u\ntopic a/#\ntopic deny a/b\nqos<=1 noretain topic write c', SUBJECT)

  t.match(gate.sendingRule('a/x', 0, false), { allows: true, place: 'rules.acl:2' })
  t.match(gate.receivingRule('a/b'), { allows: false, place: 'rules.acl:3' })
  t.match(gate.sendingRule('c', 1, false), { allows: true, place: 'rules.acl:4' })
  t.equal(gate.sendingRule('c', 2, false), null)
  t.equal(gate.sendingRule('c', 0, true), null)
})

test('cached verdicts have one bound for all clients, and are removed with their client', async t => {
  const remembered = new RememberedVerdicts(10)
  const one = gateOf('topic #', { ...SUBJECT, username: null }, remembered)
  const other = gateOf('topic #', { ...SUBJECT, username: null }, remembered)

  for (let count = 0; count < 8; count++) one.mayReceive(`a/${count}`)
  other.mayReceive('b')
  t.equal(remembered.size, 9)
  one.close()
  t.equal(remembered.size, 1)
  for (let count = 0; count < 10; count++) other.maySend(`c/${count}`, 0, false)

  t.equal(remembered.size, 1)
  t.equal(remembered.forgotten, 1)
})

test('long topics are judged each time, so that they fill no memory', async t => {
  const remembered = new RememberedVerdicts()
  const gate = gateOf('topic a/#', { ...SUBJECT, username: null }, remembered)
  const longest = `a/${'b'.repeat(REMEMBERED_TOPIC_LENGTH_MAX - 2)}`

  t.equal(gate.maySend(`${longest}b`, 0, false), true)
  t.equal(gate.mayReceive(`b${longest}`), false)
  t.equal(remembered.size, 0)
  t.equal(gate.maySend(longest, 0, false), true)
  t.equal(remembered.size, 1)
})

test('new rules apply from the next check on', async t => {
  const rules = new CurrentRules(bookOf('user u\ntopic a'))
  const permissions = new RulePermissions(rules, SUBJECT)
  t.equal(permissions.mayReceive('a'), true)

  rules.replace(bookOf('user u\ntopic b'))

  t.equal(permissions.mayReceive('a'), false)
  t.equal(permissions.mayReceive('b'), true)
})

test('compiled rules have one bound for all clients, and are compiled again when they are needed', async t => {
  const rules = new CurrentRules(bookOf('pattern readwrite home/%c/#'), 100)
  const clients = Array.from({ length: 1_000 }, (_, index) => `client-${index}`)
  const all = clients.map(clientId => new RulePermissions(rules, { ...SUBJECT, clientId }))
  t.equal(rules.counters['rulesCompiled'], 0, 'a client that asks nothing has none')

  for (let rounds = 0; rounds < 2; rounds++) {
    for (const [index, permissions] of all.entries()) {
      if (!permissions.mayPublish(`home/client-${index}/x`, 1, true)) t.fail(`own ${index}`)
      if (permissions.mayReceive('home/client/x')) t.fail(`another's ${index}`)
    }
  }

  t.match(rules.counters, { rulesCompiled: 90, rulesForgotten: 399, verdictsRemembered: 10 })
})

test('clients with the same rules share what is compiled of them, others do not', async t => {
  const rules = new CurrentRules(bookOf(`${'topic read a/#\n'.repeat(10)}pattern read own/%c\n`))
  const nameless = { ...SUBJECT, username: null }
  const permissionsOf = (clientId: string): RulePermissions =>
    new RulePermissions(rules, { ...nameless, clientId })
  const [one, same, other] = [permissionsOf('one'), permissionsOf('one'), permissionsOf('other')]
  for (const permissions of [one, same, other]) permissions.mayReceive('a/b')

  t.equal(one.ruleSet, same.ruleSet)
  t.not(one.ruleSet, other.ruleSet)
  t.equal(rules.counters['rulesCompiled'], 3 * 16 + 2 * 11)
  t.equal(same.mayReceive('own/one'), true)
  t.equal(other.mayReceive('own/one'), false)
  const { ruleSet } = one
  rules.replace(bookOf('topic read a/b\n'))
  t.equal(rules.allowedTopic, null)
  t.equal(one.mayReceive('a/c'), false)
  t.not(one.ruleSet, ruleSet, 'a number is not used again')
})

test('sessions of clients that are away cost few bytes for their rules', async t => {
  const rules = new CurrentRules(bookOf('topic read a/#\n'.repeat(100)))
  const subject = { ...SUBJECT, username: null }
  const before = heapNow()

  const all = Array.from({ length: 20_000 }, () => new RulePermissions(rules, subject))
  for (const permissions of all) permissions.mayReceive('a/b')

  t.ok(heapNow() - before < 60_000_000, 'and not 200 MB')
  t.equal(all.length, 20_000)
})
