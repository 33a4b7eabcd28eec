// Expressions and messages at random, and the same in the SQL of SQLite, whose three-valued logic, precedence and order of texts are
// those that the broker's must be. Each name is a few columns, one for each kind of value that it can be compared as.

import { spawnSync } from 'node:child_process'
import type { Message } from '../../../src/message.ts'
import type { Random } from '../../../fuzz/random.ts'

type Plain = string | number | boolean | null
/** A value of JSON that is compared with nothing. */
type Row = Readonly<Record<string, Plain | readonly []>>

/** How each name is written, whether nothing says of which kind it is, and its values. */
const TEXTS = [
  '',
  'eu',
  'us',
  'EU',
  'e',
  'eux',
  'a%b',
  'a_b',
  "it's",
  'ä',
  '\u{1F438}',
  '\uFF21',
  '25',
]
const NUMBER_TEXTS = [
  '25',
  '-1',
  '0',
  '-0',
  '1e2',
  '0.5',
  '007',
  '1.',
  ' 1',
  '1e999',
  'true',
  'false',
]
const NUMBERS = [0, -1, 1, 25, 0.5, 100, 1e21]
const VALUES: Readonly<Record<string, readonly (Plain | readonly [])[]>> = {
  topic: ['a/eu/25', 'a/us', 'a/\u{1F438}/x', 'eu'],
  'topic.2': [],
  qos: [0, 1, 2],
  retain: [true, false],
  publisher: [null, 'sensor-1', 'eu'],
  contentType: [null, 'text/plain', 'eu'],
  'payload.a.b': [null, ...TEXTS, ...NUMBERS, true, false, []],
  'payload.n': [null, ...NUMBERS, 'eu', true],
  region: [null, ...TEXTS, ...NUMBER_TEXTS],
  'my-temp.x': [null, ...NUMBER_TEXTS, 'eu'],
  'odd name"': [null, ...TEXTS, 'true'],
}
const NAMES = Object.keys(VALUES)
const UNTYPED = new Set(['topic.2', 'region', 'my-temp.x', 'odd name"'])
const COMPARISONS = ['=', '!=', '<>', '<', '<=', '>', '>=']
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

export interface Pair {
  readonly expression: string
  readonly sql: string
}

export function randomPair(random: Random, depth = 0): Pair {
  const sides = depth > 4 ? 5 : 9
  switch (random.below(sides)) {
    case 5:
    case 6:
      return joined(random, depth, 'AND')
    case 7:
      return joined(random, depth, 'OR')
    case 8: {
      const { expression, sql } = randomPair(random, depth + 1)
      return random.chance(2)
        ? { expression: `NOT (${expression})`, sql: `NOT (${sql})` }
        : { expression: `(${expression})`, sql: `(${sql})` }
    }
    default:
      return term(random)
  }
}

/** Without parentheses, so that the precedence is compared as well. */
function joined(random: Random, depth: number, word: string): Pair {
  const one = randomPair(random, depth + 1)
  const other = randomPair(random, depth + 1)
  const not = random.chance(4) ? 'NOT ' : ''
  const written = random.chance(2) ? word : word.toLowerCase()
  return {
    expression: `${one.expression} ${written} ${not}${other.expression}`,
    sql: `${one.sql} ${word} ${not}${other.sql}`,
  }
}

function term(random: Random): Pair {
  const name = random.of(NAMES)
  const written = asName(name)
  const not = random.chance(3) ? 'NOT ' : ''
  switch (random.below(8)) {
    case 0: {
      const [low, high] = [literal(random, 'order'), literal(random, 'order')]
      const sql =
        low.kind === high.kind
          ? `${column(name, low.kind)} ${not}BETWEEN ${low.sql} AND ${high.sql}`
          : `${not}(${column(name, low.kind)} >= ${low.sql} AND ${column(name, high.kind)} <= ${high.sql})`
      return { expression: `${written} ${not}BETWEEN ${low.text} AND ${high.text}`, sql }
    }
    case 1: {
      const values = Array.from({ length: 1 + random.below(3) }, () => literal(random, 'any'))
      const [{ kind }] = [values[0] ?? { kind: 't' }]
      const list = values.map(({ text }) => text).join(', ')
      const sql = values.every(value => value.kind === kind)
        ? `${column(name, kind)} ${not}IN (${values.map(value => value.sql).join(',')})`
        : `${not}(${values.map(value => `${column(name, value.kind)} = ${value.sql}`).join(' OR ')})`
      return { expression: `${written} ${not}IN (${list})`, sql }
    }
    case 2: {
      const pattern = random.of([
        '%',
        'e%',
        '%u',
        '%e%',
        'a%b',
        'a%%b',
        'a_%',
        'eu',
        '',
        '%\u{1F438}%',
        'a%/%',
      ])
      const escaped = pattern.replace(/[\\_]/g, '\\$&')
      return {
        expression: `${written} ${not}LIKE ${quoted(pattern)}`,
        sql: `${column(name, 't')} ${not}LIKE ${quoted(escaped)} ESCAPE '\\'`,
      }
    }
    case 3:
      return random.chance(2)
        ? { expression: `${written} IS ${not}NULL`, sql: `${column(name, 'e')} IS ${not}NULL` }
        : { expression: `EXISTS ${written}`, sql: `${column(name, 'e')} IS NOT NULL` }
    case 4:
      return names(random, name)
    default: {
      const value = literal(random, 'any')
      const operator = value.kind === 'b' ? random.of(['=', '!=']) : random.of(COMPARISONS)
      const isLeft = random.chance(4)
      const [left, right] = isLeft ? [value.text, written] : [written, value.text]
      const of = column(name, value.kind)
      const sql = isLeft ? `${value.sql} ${operator} ${of}` : `${of} ${operator} ${value.sql}`
      return { expression: `${left} ${operator} ${right}`, sql }
    }
  }
}

function names(random: Random, name: string): Pair {
  const other = random.of(NAMES)
  const operator = random.of(COMPARISONS)
  const kinds = ['=', '!=', '<>'].includes(operator) ? ['t', 'n', 'b'] : ['t', 'n']
  const sides = kinds.map(kind => `${column(name, kind)} ${operator} ${column(other, kind)}`)
  return {
    expression: `${asName(name)} ${operator} ${asName(other)}`,
    sql: `COALESCE(${sides.join(', ')})`,
  }
}

function literal(
  random: Random,
  use: 'any' | 'order',
): { kind: string; text: string; sql: string } {
  const kind = random.of(use === 'any' ? ['t', 't', 'n', 'n', 'b'] : ['t', 'n'])
  if (kind === 't') {
    const text = quoted(random.of(TEXTS))
    return { kind, text, sql: text }
  }
  if (kind === 'n') {
    const text = random.of(['0', '-1', '25', '0.5', '1e2', '1E+2', '24.5'])
    return { kind, text, sql: text }
  }
  const text = random.of(['true', 'FALSE'])
  return { kind, text, sql: text }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function asName(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$.-]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

/** `t` text, `n` number, `b` truth value, `e` whether it is there. */
function column(name: string, kind: string): string {
  return `c${NAMES.indexOf(name)}${kind}`
}

export interface RandomMessage {
  readonly message: Message
  readonly columns: Readonly<Record<string, string | number | null>>
}

export function randomMessage(random: Random, sequence: number): RandomMessage {
  const row: Record<string, Plain | readonly []> = {}
  for (const name of NAMES) row[name] = name === 'topic.2' ? null : random.of(VALUES[name] ?? [])
  const topic = String(row['topic'])
  row['topic.2'] = topic.split('/')[1] ?? null
  return { message: messageOf(row, topic, sequence), columns: columnsOf(row) }
}

function messageOf(row: Row, topic: string, sequence: number): Message {
  const properties = [...UNTYPED].filter(name => name !== 'topic.2' && row[name] !== null)
  const { contentType } = row
  return {
    topic,
    payload: Buffer.from(
      JSON.stringify({ a: { b: row['payload.a.b'] }, n: row['payload.n'], c: {} }),
    ),
    qos: row['qos'] === 0 ? 0 : row['qos'] === 1 ? 1 : 2,
    retain: row['retain'] === true,
    properties: {
      ...(typeof contentType === 'string' && { contentType }),
      // The last value of a name counts.
      userProperties: [
        ['region', 'an earlier value'] as const,
        ...properties.map(name => [name, String(row[name])] as const),
      ].filter(([name]) => row[name] !== null),
    },
    publisher: typeof row['publisher'] === 'string' ? row['publisher'] : null,
    expiresAt: Infinity,
    sequence,
  }
}

function columnsOf(row: Row): Record<string, string | number | null> {
  const columns: Record<string, string | number | null> = {}
  for (const name of NAMES) {
    const value = row[name] ?? null
    const isUntypedText = UNTYPED.has(name) && typeof value === 'string'
    columns[column(name, 'e')] = value === null ? null : 1
    columns[column(name, 't')] = typeof value === 'string' ? value : null
    columns[column(name, 'n')] = isUntypedText
      ? numberIn(value)
      : typeof value === 'number'
        ? value
        : null
    const truth = isUntypedText ? ({ true: true, false: false }[value] ?? null) : value
    columns[column(name, 'b')] = typeof truth === 'boolean' ? Number(truth) : null
  }
  return columns
}

function numberIn(text: string): number | null {
  const number = JSON_NUMBER.test(text) ? Number(text) : Infinity
  return Number.isFinite(number) ? number : null
}

const SQLITE = `
import json, sqlite3, sys
asked = json.load(sys.stdin)
base = sqlite3.connect(':memory:')
base.execute('PRAGMA case_sensitive_like = ON')
names = list(asked['rows'][0])
base.execute('CREATE TABLE m (' + ', '.join(names) + ')')
for row in asked['rows']:
    base.execute('INSERT INTO m VALUES (' + ','.join('?' * len(names)) + ')', list(row.values()))
json.dump([[row[0] for row in base.execute('SELECT ' + sql + ' FROM m ORDER BY rowid')] for sql in asked['asked']], sys.stdout)
`

/** Returns SQLite's verdict on each message, for each expression: 1, 0, or null for unknown. */
export function verdictsOf(
  asked: readonly Pair[],
  rows: readonly RandomMessage[],
): readonly (readonly (number | null)[])[] {
  const input = JSON.stringify({
    rows: rows.map(({ columns }) => columns),
    asked: asked.map(({ sql }) => sql),
  })
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', ['-c', SQLITE], {
    input,
    maxBuffer: 1 << 28,
  })
  if (status !== 0) throw new Error(stderr.toString())
  return JSON.parse(stdout.toString()) as readonly (readonly (number | null)[])[]
}
