import { test } from 'tap'
import type { Message } from '../../../src/message.ts'
import { NO_PROPERTIES, type UserProperty } from '../../../src/packet/packet.ts'
import { compile, orderOf } from '../../../src/routing/expression/compile.ts'
import { Expression, readExpression } from '../../../src/routing/expression/expression.ts'
import { Facts } from '../../../src/routing/expression/facts.ts'
import { parse } from '../../../src/routing/expression/parse.ts'
import { Unreadable } from '../../../src/routing/expression/syntax.ts'
import { Random } from '../../../fuzz/random.ts'
import { randomMessage, randomPair, verdictsOf } from './random-expressions.ts'

let sequence = 0

function message(
  from: Partial<Message> & { readonly tags?: readonly UserProperty[] } = {},
): Message {
  const { tags, ...rest } = from
  sequence += 1
  return {
    topic: 'a/b',
    payload: Buffer.alloc(0),
    qos: 0,
    retain: false,
    properties: tags === undefined ? NO_PROPERTIES : { userProperties: tags },
    publisher: null,
    expiresAt: Infinity,
    sequence,
    ...rest,
  }
}

function json(value: unknown): Message {
  return message({ payload: Buffer.from(JSON.stringify(value)) })
}

function wants(expression: string, about: Message): boolean {
  const read = readExpression(expression)
  if (read instanceof Unreadable) throw new Error(read.sentence)
  const facts = new Facts()
  facts.about(about)
  return read.wants(facts)
}

function faultOf(expression: string): string {
  const read = parse(expression)
  return read instanceof Unreadable ? read.sentence : 'it was read'
}

test('an expression has the verdicts of SQLite, for many at random', t => {
  const seed = Number(process.env['EXPRESSION_SEED'] ?? Date.now())
  const count = Number(process.env['EXPRESSIONS'] ?? 3_000)
  const random = new Random(seed)
  const rows = Array.from({ length: 12 }, (_, index) => randomMessage(random, 1_000_000 + index))
  const pairs = Array.from({ length: count }, () => randomPair(random))
  const readable = pairs.filter(({ expression }) => !(parse(expression) instanceof Unreadable))
  const verdicts = verdictsOf(readable, rows)
  const facts = new Facts()
  const wrong: string[] = []
  const seen = new Set<number>()

  for (const [at, { expression }] of readable.entries()) {
    const syntax = parse(expression)
    if (syntax instanceof Unreadable) continue
    const ask = compile(syntax.condition)
    for (const [row, { message: about }] of rows.entries()) {
      facts.about(about)
      const truth = ask(facts)
      seen.add(truth)
      if (truth !== (verdicts[at]?.[row] ?? -1)) wrong.push(`${expression}: ${truth}`)
    }
  }

  t.strictSame(wrong.slice(0, 3), [], `seed ${seed}`)
  t.equal(seen.size, 3, 'every verdict was there')
  t.ok(readable.length > 0.9 * count, 'only few are too long')
  t.end()
})

test('what cannot be read is told with its position', t => {
  const faults: readonly (readonly [string, string])[] = [
    ['', 'a value is expected, at character 1 of the expression'],
    ['region = ', 'a value is expected, at character 10 of the expression'],
    ['region = "eu" OR', 'a value is expected, at character 17 of the expression'],
    [
      'region LIKE "e%"',
      'a pattern in single quotes is expected, at character 13 of the expression',
    ],
    ["region = 'eu", 'the quote is not closed, at character 10 of the expression'],
    ['a = 1 b = 2', 'AND, OR or the end is expected, at character 7 of the expression'],
    ['a = 1e999', 'the number is too large, at character 5 of the expression'],
    [
      'a + 1 = 2',
      'no value, name or operator is written like this, at character 3 of the expression',
    ],
    ['(a = 1', ') is expected, at character 7 of the expression'],
    ['1 = 2', 'one side of a comparison must be a name, at character 1 of the expression'],
    ['a < true', 'true and false are compared by = and != only, at character 1 of the expression'],
    [
      'payload = 1',
      'payload is followed by keys, as in payload.temperature, at character 1 of the expression',
    ],
    [
      'topic.0 = 1',
      'topic is followed by the number of a level, as in topic.1, at character 1 of the expression',
    ],
    [
      'a',
      'an operator is expected: = != < <= > >= BETWEEN IN LIKE IS, at character 2 of the expression',
    ],
    ["a LIKE '%%%%%'", 'a pattern has 4 % at most, at character 8 of the expression'],
    [
      Array.from({ length: 9 }, () => 'a = b').join(' OR '),
      'the expression has more than 8 LIKE and comparisons of two names, at character 73 of the expression',
    ],
    ['and = 1', 'a value is expected, at character 1 of the expression'],
    [`a = '${'x'.repeat(1_024)}'`, 'the expression has more than 1024 characters'],
    [
      `a IN (${'1,'.repeat(64)}1)`,
      'the expression has more than 64 comparisons, at character 135 of the expression',
    ],
    [
      `${'('.repeat(17)}a = 1`,
      'the expression is deeper than 16 levels, at character 17 of the expression',
    ],
    [
      `${'NOT '.repeat(17)}a = 1`,
      'the expression is deeper than 16 levels, at character 65 of the expression',
    ],
  ]

  for (const [expression, fault] of faults)
    t.equal(faultOf(expression), fault, expression.slice(0, 40))
  t.end()
})

test('names are read as they are documented', t => {
  const tagged = message({
    tags: [
      ['region', 'us'],
      ['region', 'eu'],
      ['and', 'x'],
      ['a "b"', 'y'],
      ['topic', 'z'],
      ['trace-id', '7'],
    ],
  })

  t.ok(wants("region = 'eu'", tagged), 'the last value counts')
  t.ok(wants('"and" = \'x\'', tagged), 'a keyword in double quotes is a user property')
  t.ok(wants('"a ""b""" = \'y\'', tagged))
  t.ok(wants("\"topic\" = 'z' AND topic = 'a/b'", tagged))
  t.ok(wants('trace-id = 7', tagged), 'a property that reads as a number is one')
  t.ok(wants("topic.2 = 'b' AND topic.3 IS NULL", tagged))
  t.notOk(wants("Region = 'eu'", tagged), 'names have upper and lower case')
  t.end()
})

test('a payload is read as JSON, by its own keys', t => {
  const about = json({ a: { b: 25, 'x y': { c: 'd' }, none: null, list: [1] }, on: true })

  t.ok(wants('payload.a.b > 24.5', about))
  t.ok(wants('payload.a."x y".c = \'d\'', about))
  t.ok(wants('payload.on = true AND payload.on != false', about))
  t.ok(wants('payload.a.none IS NULL AND NOT EXISTS payload.a.zzz', about))
  t.ok(wants('EXISTS payload.a.list AND payload.a.list.0 IS NULL', about), 'lists have no keys')
  t.notOk(wants("payload.a.list = '1' OR payload.a.list != '1'", about))
  t.notOk(wants("payload.a.b = '25'", about), 'a number of JSON is no text')
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'a.length']) {
    t.ok(wants(`payload.${name} IS NULL`, about), name)
  }
  t.ok(wants('payload.__proto__ = 1', message({ payload: Buffer.from('{"__proto__":1}') })))
  t.end()
})

test('a payload that is no JSON object has no names in it', t => {
  const deep = `{"a":${'['.repeat(30_000)}`
  const nested = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`
  const payloads = [
    '',
    '[1]',
    '"a"',
    '1',
    'null',
    '{',
    '{"a":1',
    deep,
    '\uFEFF{"a":1}',
    ' '.repeat(99),
  ]

  for (const payload of payloads) {
    const about = message({ payload: Buffer.from(payload) })
    t.ok(wants('payload.a IS NULL', about), payload.slice(0, 20))
    t.notOk(wants('payload.a = 1 OR payload.a != 1', about), payload.slice(0, 20))
  }
  t.ok(wants('EXISTS payload.a.a.a', message({ payload: Buffer.from(nested) })))
  const tooLong = json({ a: 1, b: 'x'.repeat(65_536) })
  t.ok(wants('payload.a IS NULL', tooLong), 'one of more than 64 KiB is not read')
  t.end()
})

test('the payload is parsed once a message, and only if somebody asks', t => {
  const facts = new Facts()
  const about = json({ a: 1, b: 2 })
  const noted = { count: 0 }
  const { payload } = about
  payload.toString = () => {
    noted.count += 1
    return '{"a":1,"b":2}'
  }
  const read = (text: string): Expression => {
    const expression = readExpression(text)
    if (expression instanceof Unreadable) throw new Error(expression.sentence)
    return expression
  }

  facts.about(about)
  t.notOk(read("region = 'eu' AND payload.a = 1").wants(facts))
  t.equal(noted.count, 1, 'absent is unknown, so AND must know the other side')
  t.notOk(read("topic = 'x' AND payload.a = 1").wants(facts))
  t.ok(read('payload.a = 1 AND payload.b = 2').wants(facts))
  t.equal(noted.count, 1)
  t.end()
})

test('texts are ordered by code points', t => {
  // In UTF-16 the frog begins with a unit that is below U+FF21.
  t.ok(orderOf('\u{1F438}', '\uFF21') > 0)
  t.ok(orderOf('a', 'ab') < 0)
  t.equal(orderOf('a', 'a'), 0)
  t.end()
})

test('a pattern takes time that grows with the text alone', t => {
  const text = 'a'.repeat(60_000)
  const pattern = `%${'a'.repeat(200)}%${'a'.repeat(200)}b%${'a'.repeat(200)}%`
  const about = message({ tags: [['t', text]] })
  const quarter = message({ tags: [['t', text.slice(45_000)]] })
  // The least of many short times is hardly disturbed by others.
  const took = (one: Message): number => {
    const times = Array.from({ length: 40 }, () => {
      const start = process.hrtime.bigint()
      wants(`t LIKE '${pattern}'`, one)
      return Number(process.hrtime.bigint() - start)
    })
    return Math.min(...times)
  }

  const ratio = took(about) / took(quarter)

  t.ok(ratio < 8, `four times the text takes ${ratio} times as long`)
  t.end()
})

test('LIKE does not read long texts, nor does < between two of them', async t => {
  const about = (length: number) =>
    message({
      tags: [
        ['p', 'a'.repeat(length)],
        ['q', `${'a'.repeat(length)}b`],
      ],
    })

  for (const expression of ["p LIKE '%a'", 'p < q']) {
    t.ok(wants(expression, about(1_024)), expression)
    t.notOk(wants(expression, about(1_025)), expression)
    t.notOk(wants(`NOT (${expression})`, about(1_025)), 'it is unknown')
  }
  t.ok(wants("p != q AND p > 'Z' AND p != 'a'", about(60_000)))
})
