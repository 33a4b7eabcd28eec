// Rules in a token or an answer, in the shapes of EMQX.

import { test } from 'tap'
import { BelowDenials, NO_RULES, readGivenRules } from '../../src/access/given-rules.ts'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../src/access/mosquitto/acl-rules.ts'
import { CurrentRules, RulePermissions } from '../../src/access/rules/rule-permissions.ts'

const ALICE = { username: 'alice', clientId: 'c1', address: '10.0.0.1' }

function permissionsBy(given: unknown, { rules = '', subject = ALICE } = {}): RulePermissions {
  const book = rules === '' ? NO_RULES : new AclRules(parseAclFile(Buffer.from(rules), 'rules'))
  const current = new CurrentRules(book)
  const own = new BelowDenials(current, readGivenRules(given, 'acl').book)
  return new RulePermissions(current, subject, own)
}

test('the first rule of a list that matches decides, and nothing else is allowed', async t => {
  const rights = permissionsBy([
    { permission: 'deny', action: 'all', topic: 'home/alarm/#' },
    { permission: 'allow', action: 'all', topic: 'home/#' },
    { permission: 'allow', action: 'publish', topic: 'meter/+', qos: [0, 1], retain: false },
  ])

  t.equal(rights.mayPublish('home/lamp', 2, true), true)
  t.equal(rights.mayPublish('home/alarm/code', 0, false), false)
  t.equal(rights.mayReceive('home/alarm/code'), false)
  t.equal(rights.maySubscribe('home/+', null), true)
  t.equal(rights.maySubscribe('home/alarm/#', null), false)
  t.equal(rights.maySubscribe('#', null), false)
  t.equal(rights.mayPublish('meter/1', 1, false), true)
  t.equal(rights.mayPublish('meter/1', 2, false), false)
  t.equal(rights.mayPublish('meter/1', 0, true), false)
  t.equal(rights.mayReceive('meter/1'), false)
  t.equal(rights.publishRule('home/alarm/code', 0, false), 'acl 1')
})

test('what the configuration denies stays denied for names with wildcards, which clients choose', async t => {
  const rules = 'pattern deny secret/#\npattern deny %u/private/#\npattern readwrite %u/#\n'
  for (const [username, clientId] of [
    ['alice+news@example.org', 'c1'],
    ['alice', '#'],
    ['alice', '+'],
  ] as const) {
    const subject = { ...ALICE, username, clientId }
    const rights = permissionsBy({ all: ['#'] }, { rules, subject })

    t.equal(rights.mayPublish('secret/x', 0, false), false, username)
    t.equal(rights.mayReceive('secret/x'), false, username)
    t.equal(rights.mayPublish('other/x', 0, false), true, username)
    t.equal(rights.mayPublish('alice/private/x', 0, false), username !== 'alice', username)
  }
})

test('a name with a wildcard is inserted nowhere, so a user with one has no rights by it', async t => {
  const subject = { ...ALICE, username: 'alice+news@example.org' }
  const rules = 'pattern readwrite %u/#\n'
  const book = new AclRules(parseAclFile(Buffer.from(rules), 'rules'))
  const byPattern = new RulePermissions(new CurrentRules(book), subject)
  const byToken = permissionsBy({ all: ['${username}/#', 'public'] }, { subject })

  for (const rights of [byPattern, byToken]) {
    for (const topic of ['alice/x', 'alice+news@example.org/x', 'bob/x']) {
      t.equal(rights.mayPublish(topic, 0, false), false)
      t.equal(rights.mayReceive(topic), false)
    }
    t.equal(rights.maySubscribe('alice+news@example.org/#', null) && rights === byToken, false)
  }
  t.equal(byToken.mayPublish('public', 0, false), true)
})

test('lists under pub, sub and all allow what is in them', async t => {
  const rights = permissionsBy({ pub: ['out/${clientid}'], sub: ['in/%u/#'], all: ['both'] })

  t.equal(rights.mayPublish('out/c1', 0, false), true)
  t.equal(rights.mayPublish('out/c2', 0, false), false)
  t.equal(rights.mayReceive('out/c1'), false)
  t.equal(rights.maySubscribe('in/alice/x', null), true)
  t.equal(rights.mayReceive('in/alice/x'), true)
  t.equal(rights.maySubscribe('in/bob/x', null), false)
  t.equal(rights.mayPublish('both', 0, false) && rights.mayReceive('both'), true)
})

test('with eq the wildcards of a topic stand for themselves', async t => {
  const rights = permissionsBy([{ permission: 'allow', action: 'subscribe', topic: 'eq t/1/#' }])
  const denied = permissionsBy([
    { permission: 'deny', action: 'subscribe', topic: 'eq t/#' },
    { permission: 'allow', action: 'subscribe', topic: 't/#' },
  ])

  t.equal(rights.maySubscribe('t/1/#', null), true)
  t.equal(rights.maySubscribe('t/1/x', null), false)
  t.equal(rights.mayReceive('t/1/x'), true)
  t.equal(denied.maySubscribe('t/#', null), false)
  t.equal(denied.maySubscribe('t/1', null), true)
})

test('names that stand for others, or are no level, get nothing', async t => {
  const given = { pub: ['out/${clientid}/#', 'free'] }
  for (const clientId of ['+', '#', 'a/b', '']) {
    const rights = permissionsBy(given, { subject: { ...ALICE, clientId } })
    t.equal(rights.mayPublish('out/a/b', 0, false), false, clientId)
    t.equal(rights.mayPublish('free', 0, false), true, clientId)
  }
})

test('what the rules of the configuration deny stays denied', async t => {
  const rules = 'pattern deny secret/#\nuser alice\ntopic readwrite home/#\ntopic deny home/x'
  const rights = permissionsBy({ all: ['#'] }, { rules })

  t.equal(rights.mayPublish('anything', 0, false), true)
  t.equal(rights.mayPublish('secret/1', 0, false), false)
  t.equal(rights.mayReceive('home/x'), false)
  const narrow = permissionsBy({ all: ['a'] }, { rules })
  t.equal(narrow.mayPublish('home/lamp', 0, false), false, 'and what it allows is not added')
})

test('rules that are wrong in part are wrong', async t => {
  const allow = { permission: 'allow', action: 'publish', topic: 'a' }
  const wrong: readonly [unknown, RegExp][] = [
    ['#', /a list, or lists/],
    [null, /a list, or lists/],
    [{ publish: ['#'] }, /"publish" is none of pub, sub and all/],
    [{ pub: '#' }, /a list of texts/],
    [{ pub: [1] }, /a list of texts/],
    [{ pub: ['a#'] }, /"a#" is no topic filter/],
    [['#'], /an object with permission/],
    [[{ ...allow, permission: 'Allow' }], /neither allow nor deny/],
    [[{ ...allow, action: 'write' }], /none of publish, subscribe and all/],
    [[{ ...allow, topic: 7 }], /topic is no text/],
    [[{ ...allow, topic: '' }], /no topic filter/],
    [[{ ...allow, topic: `${'a/'.repeat(201)}b` }], /no topic filter/],
    [[{ ...allow, qos: [3] }], /none of 0, 1 and 2/],
    [[{ ...allow, retain: 'yes' }], /neither true nor false/],
    [[{ ...allow, clientid_re: '^a$' }], /"clientid_re" is no key/],
    [[{ ...allow, action: 'subscribe', qos: [1] }], /limit only what may be published/],
    [Array.from({ length: 1_001 }, () => allow), /1001 rules, and 1000 are the most/],
  ]
  for (const [given, sentence] of wrong) t.throws(() => readGivenRules(given, 'acl'), sentence)
})
