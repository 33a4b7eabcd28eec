// mosquitto's ACL files: what it takes, what it refuses, and what 66 questions to real brokers were answered with.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { PROBLEMS_MAX, readAccessFile } from '../../../src/access/access-file.ts'
import { parseAclFile } from '../../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../../src/access/mosquitto/acl-rules.ts'
import { Gate } from '../../../src/access/rules/gate.ts'
import { RememberedVerdicts } from '../../../src/access/rules/remembered-verdicts.ts'

interface Decision {
  readonly n: number
  readonly username: string | null
  readonly clientid: string
  readonly action: 'read' | 'write' | 'subscribe'
  readonly topic: string
  readonly allowed: boolean
}

function sample(name: string): Buffer {
  const url = new URL(`../../../../test/access/mosquitto/samples/${name}`, import.meta.url)
  return readFileSync(fileURLToPath(url))
}

function parsed(text: string | Buffer) {
  return parseAclFile(Buffer.from(text), 'rules.acl')
}

function filtersOf(text: string): readonly string[] {
  return parsed(text).lines.map(
    each => `${each.kind} ${'access' in each ? each.access : ''} ${each.filter}`,
  )
}

/** What it is refused with, without the name of the file. */
function refusalOf(text: string | Buffer): string {
  try {
    parsed(text)
    return 'nothing'
  } catch (error) {
    return (error as Error).message.replaceAll('rules.acl:', '')
  }
}

test('all 66 decisions of mosquitto 2.0 are ours as well', async t => {
  const rules = new AclRules(parseAclFile(sample('acl'), 'acl'))
  const { decisions } = JSON.parse(sample('decisions.json').toString()) as {
    decisions: readonly Decision[]
  }

  for (const { n, username, clientid, action, topic, allowed } of decisions) {
    const subject = { username, clientId: clientid, address: '127.0.0.1' }
    const gate = new Gate(rules.rulesFor(subject), new RememberedVerdicts())
    const answers = {
      read: () => gate.mayReceive(topic),
      write: () => gate.maySend(topic, 1, false),
      subscribe: () => gate.maySubscribe(topic, null),
    }
    t.equal(answers[action](), allowed, `${n}: ${username} ${action} ${topic}`)
  }
  t.equal(decisions.length, 66)
})

test('lines that mosquitto accepts mean the same as in mosquitto', async t => {
  const taken: readonly (readonly [string, readonly string[]])[] = [
    ['topic read\ta', ['topic readwrite read\ta']],
    ['topic read \ta', ['topic read a']],
    ['topic read', ['topic readwrite read']],
    ['topic deny', ['topic readwrite deny']],
    ['  topic   read    a b  \r\n', ['topic read a b']],
    ['topic a \t \r\n\r\n   \t\r\n#topic x\n', ['topic readwrite a']],
    ['', []],
    ['pattern write a/%c', ['pattern write a/%c']],
    ['topic user', ['topic readwrite user']],
    ['subscribe deny', ['subscribe  deny']],
    ['subscribe deny a b', ['subscribe  a b']],
  ]
  for (const [text, expected] of taken) t.strictSame(filtersOf(text), expected, text)
})

test('settings that are allowed and probably a mistake give a warning with their line', async t => {
  t.strictSame(parsed('topic read\n\npattern a\npattern b/%u').warnings, [
    {
      place: 'rules.acl:1',
      sentence: 'this allows to read and write the topic named read: no topic follows',
    },
    {
      place: 'rules.acl:3',
      sentence: 'this pattern has neither %c nor %u: it holds for everybody',
    },
  ])
})

test('a wrong line is named with what is wrong with it', async t => {
  const words = 'user, topic, pattern, subscribe, client, cidr, qos<=N or noretain'
  const wrong: readonly (readonly [string | Buffer, string])[] = [
    ['topic', '1: something is missing: topic [read|write|readwrite|deny] FILTER'],
    ['# x\n\npattern  ', '3: something is missing: pattern [read|write|readwrite|deny] FILTER'],
    ['user', '1: something is missing: user NAME'],
    ['user  ', '1: something is missing: user NAME'],
    ['allow a', `1: "allow" is no word that a line begins with: ${words}`],
    ['Topic a', `1: "Topic" is no word that a line begins with: ${words} (did you mean topic?)`],
    ['\ttopic a', '1: a tab in "\\ttopic": words are told apart by spaces'],
    ['topic\tread a', '1: a tab in "topic\\tread": words are told apart by spaces'],
    ['\uFEFFtopic a', '1: the file begins with a byte order mark: save it without'],
    [' # a comment', '1: a comment begins at the very start of its line'],
    [
      'topic raed a/b c',
      '1: "raed" is none of read, write, readwrite and deny, and "a/b c" follows it',
    ],
    ['topic a#', '1: "a#" is no topic filter: # stands alone at the end, and + alone in its level'],
    [
      'topic read a/# # all',
      '1: "a/# # all" is no topic filter: # stands alone at the end, and + alone in its level',
    ],
    [
      'topic a/b+',
      '1: "a/b+" is no topic filter: # stands alone at the end, and + alone in its level',
    ],
    [`topic ${'/'.repeat(201)}`, '1: 202 levels, and 201 are the most'],
    [`topic ${'a'.repeat(65_536)}`, '1: a filter has 65535 bytes at most'],
    [Buffer.from([0x74, 0xff, 0x0a]), '1: this line is not UTF-8'],
    ['topic a\0b', '1: this line has a zero byte'],
    ['qos<=3 topic a', '1: "qos<=3" is none of qos<=0, qos<=1 and qos<=2'],
    ['qos<=1', '1: something is missing: qos<=1 topic|pattern …'],
    [
      'noretain topic read a',
      '1: qos<= and noretain limit what may be written, and this line is read',
    ],
    ['cidr 10.0.0.0/33', '1: "10.0.0.0/33" is no subnet such as 192.168.0.0/16 or fd00::/8'],
    ['cidr here', '1: "here" is no subnet such as 192.168.0.0/16 or fd00::/8'],
    ['client', '1: something is missing: client ID'],
    ['subscribe', '1: something is missing: subscribe [deny] FILTER'],
    [
      'user a\ntopic x#\ntopic y\nuser',
      '2: "x#" is no topic filter: # stands alone at the end, and + alone in its level\n4: something is missing: user NAME',
    ],
  ]
  for (const [text, sentence] of wrong) t.equal(refusalOf(text), sentence)
})

test('of many wrong lines the first ten are reported', async t => {
  const lines = refusalOf('x\n'.repeat(30)).split('\n')

  t.equal(lines.length, 11)
  t.equal(lines[10], 'and 20 more')
})

test('a file of another kind is not read to its end', async t => {
  const lines = ['nonsense\n', 'nonsense \xff\n'].map(line => Buffer.from(line, 'latin1'))
  for (const line of lines) {
    const bytes = Buffer.concat(Array.from({ length: 100_000 }, () => line))
    const started = performance.now()
    t.equal(refusalOf(bytes).split('\n').at(-1), `and ${PROBLEMS_MAX - 10} more`)
    t.ok(performance.now() - started < 1_000)
  }
})

test(
  'a pipe or a device is not opened, because the broker would wait for it',
  { skip: process.platform === 'win32' && 'no devices' },
  async t => {
    const sentence = '/dev/zero: is a pipe or a device, and no file'
    t.throws(() => readAccessFile('/dev/zero'), { message: sentence })
  },
)

test('names of clients are words in a pattern, and never wildcards or levels of it', async t => {
  const text = 'pattern readwrite dev/%u/#\npattern write %c/x\npattern deny dev/%u/secret'
  const may = (username: string | null, clientId: string, topic: string) => {
    const rules = new AclRules(parsed(text)).rulesFor({ username, clientId, address: '' })
    return new Gate(rules, new RememberedVerdicts()).maySend(topic, 0, false)
  }

  t.equal(may('a', 'c', 'dev/a/b'), true)
  t.equal(may('a', 'c', 'dev/a/secret'), false)
  t.equal(may('a/b', 'c', 'dev/a/b/x'), false)
  t.equal(may('', 'c', 'dev//x'), false)
  t.equal(may(null, 'c', 'dev//x'), false)
  t.equal(may('+', 'c', 'dev/a/b'), false)
  t.equal(may('a', '#', 'dev/a/b'), false, 'as in mosquitto')
  t.equal(may('a', '$SYS', '$SYS/x'), false)
  t.equal(may('%c', 'c', 'dev/%c/x'), true, 'a name is not looked at again')
  t.equal(may('$&', 'c', 'dev/$&/x'), true)
  t.equal(may('__proto__', 'constructor', 'dev/__proto__/x'), true)
})

test('names that objects have of themselves are users like any other', async t => {
  const rules = new AclRules(parsed('user __proto__\ntopic a\nuser constructor\ntopic b'))
  const may = (username: string, topic: string) => {
    const subject = { username, clientId: 'c', address: '' }
    return new Gate(rules.rulesFor(subject), new RememberedVerdicts()).mayReceive(topic)
  }

  t.equal(may('__proto__', 'a'), true)
  t.equal(may('constructor', 'a'), false)
  t.equal(may('constructor', 'b'), true)
  t.equal(may('toString', 'a'), false)
})
