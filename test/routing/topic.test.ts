import { test } from 'tap'
import {
  hasWildcard,
  isTopicFilter,
  isTopicName,
  levelCount,
  parseFilter,
  topicMatches,
} from '../../src/routing/topic.ts'
import { bruteForceMatches, seededRandom, pick } from './brute-force.ts'

const SLASHES = '/'.repeat(65_535)

const NAMES: readonly (readonly [text: string, valid: boolean])[] = [
  ['a', true],
  ['a/b', true],
  ['/', true],
  ['//', true],
  ['/a', true],
  ['a/', true],
  [' ', true],
  ['$SYS/uptime', true],
  ['$share/g/a', true],
  ['__proto__/constructor', true],
  ['pond/ü/水/🐸', true],
  [SLASHES, true],
  ['', false],
  ['+', false],
  ['#', false],
  ['a/+', false],
  ['a/#', false],
  ['a+b', false],
  ['a#', false],
  ['a\0b', false],
  ['\0', false],
]

test('a topic name is not empty and holds no wildcard and no null character [MQTT-3.3.2-2]', async t => {
  for (const [text, valid] of NAMES)
    t.equal(isTopicName(text), valid, JSON.stringify(text.slice(0, 40)))
})

const FILTERS: readonly (readonly [text: string, valid: boolean])[] = [
  ['a', true],
  ['/', true],
  ['//', true],
  ['a//b', true],
  ['#', true],
  ['/#', true],
  ['a/#', true],
  ['+', true],
  ['+/+', true],
  ['/+', true],
  ['+/', true],
  ['a/+/b', true],
  ['+/a/#', true],
  ['+/#', true],
  ['$SYS/#', true],
  ['$share', true],
  [SLASHES, true],
  [`${SLASHES}#`, true],
  ['', false],
  ['a#', false],
  ['#a', false],
  ['#/a', false],
  ['a/#/b', false],
  ['a/#/', false],
  ['##', false],
  ['#/#', false],
  ['a/b#', false],
  ['a+', false],
  ['+a', false],
  ['a/b+/c', false],
  ['++', false],
  ['a/++/b', false],
  ['+#', false],
  ['a/+#', false],
  ['a\0', false],
]

test('a wildcard stands alone in its level and # is the last one [MQTT-4.7.1-1] [MQTT-4.7.1-2]', async t => {
  for (const [text, valid] of FILTERS)
    t.equal(isTopicFilter(text), valid, JSON.stringify(text.slice(0, 40)))
})

test('every separator begins a new level, also an empty one', async t => {
  const counts: readonly (readonly [text: string, count: number])[] = [
    ['a', 1],
    ['/', 2],
    ['//', 3],
    ['a/b/c', 3],
    ['a/', 2],
    [SLASHES, 65_536],
  ]
  for (const [text, count] of counts) t.equal(levelCount(text), count)
})

const PARSED: readonly (readonly [
  filter: string,
  shareName: string | null,
  topicFilter: string,
])[] = [
  ['a/b', null, 'a/b'],
  ['$share', null, '$share'],
  ['$shared/g/a', null, '$shared/g/a'],
  ['$SYS/#', null, '$SYS/#'],
  ['/$share/g/a', null, '/$share/g/a'],
  ['$share/g/a', 'g', 'a'],
  ['$share/g/a/+/#', 'g', 'a/+/#'],
  ['$share/g//', 'g', '/'],
  ['$share/g//a', 'g', '/a'],
  ['$share/g/$SYS/#', 'g', '$SYS/#'],
  ['$share/g/$share/h/a', 'g', '$share/h/a'],
  ['$share/__proto__/constructor', '__proto__', 'constructor'],
  ['$share/ /#', ' ', '#'],
]

test('a shared filter has a ShareName and the filter that topics are compared with [MQTT-4.8.2-1]', async t => {
  for (const [filter, shareName, topicFilter] of PARSED) {
    t.strictSame(parseFilter(filter), { shareName, topicFilter }, filter)
  }
})

const REFUSED = [
  '',
  'a/#/b',
  '$share/',
  '$share//',
  '$share//x',
  '$share/g',
  '$share/g/',
  '$share/+/a',
  '$share/#/a',
  '$share/g+/a',
  '$share/g#/a',
  '$share/g\0/a',
  '$share/#',
  '$share/+',
  '$share/g/a#',
  '$share/g/#/a',
  '$share/g/\0',
]

test('a shared filter without name or filter, or with a wildcard in its name, is refused [MQTT-4.8.2-2]', async t => {
  for (const filter of REFUSED) t.equal(parseFilter(filter), null, JSON.stringify(filter))
})

const MATCHES: readonly (readonly [filter: string, topic: string, matches: boolean])[] = [
  ['sport/tennis/player1/#', 'sport/tennis/player1', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/tennis/player1/#', 'sport/tennis/player10', false],
  ['sport/#', 'sport', true],
  ['sport/#', 'sport/', true],
  ['sport/#', 'sports', false],
  ['#', 'sport', true],
  ['#', '/', true],
  ['#', '//', true],
  ['/#', '/', true],
  ['/#', '/a', true],
  ['/#', 'a', false],
  ['/#', 'a/b', false],
  ['+/#', 'a', true],
  ['+/#', '/', true],
  ['+/+/#', 'a', false],
  ['+/+/#', 'a/b', true],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['sport/+', 'sport/a', true],
  ['sport/+', 'sport/a/b', false],
  ['sport/+/a', 'sport//a', true],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['+', 'finance', true],
  ['+/', 'a', false],
  ['+/', 'a/', true],
  ['+/', 'a/b', false],
  ['/', '/', true],
  ['/', '//', false],
  ['//', '/', false],
  ['//', '//', true],
  ['+/+/+', '//', true],
  ['a', 'a/', false],
  ['a/', 'a', false],
  ['a', 'A', false],
  ['a', 'ab', false],
  ['ab', 'a', false],
  ['ACCOUNTS', 'Accounts', false],
  ['__proto__/+', '__proto__/constructor', true],
  ['ü', 'u\u0308', false],
  ['#', '$SYS', false],
  ['#', '$SYS/a', false],
  ['+/a', '$SYS/a', false],
  ['+', '$SYS', false],
  ['+/#', '$SYS/a', false],
  ['$SYS/#', '$SYS', true],
  ['$SYS/#', '$SYS/a', true],
  ['$SYS/+', '$SYS/a', true],
  ['$SYS/a/+', '$SYS/a/b', true],
  ['a/+', 'a/$b', true],
  ['a/#', 'a/$b', true],
  ['/+', '/$b', true],
  ['+/$b', '/$b', true],
  [SLASHES, SLASHES, true],
  [`${SLASHES}#`, SLASHES, true],
  [SLASHES.slice(1), SLASHES, false],
  ['#', SLASHES, true],
  ['+/'.repeat(65_535), SLASHES, true],
]

test('a filter matches a topic as section 4.7 says, and never $ with a wildcard [MQTT-4.7.2-1]', async t => {
  for (const [filter, topic, matches] of MATCHES) {
    t.equal(topicMatches(filter, topic), matches, `${filter.slice(0, 40)} ~ ${topic.slice(0, 40)}`)
  }
})

test('only filters with + or # have a wildcard', async t => {
  t.strictSame(['a/b', '', '$SYS/a', 'a/+', '#'].map(hasWildcard), [
    false,
    false,
    false,
    true,
    true,
  ])
})

test('a million pairs of filter and topic match as a brute-force matcher says', async t => {
  const random = seededRandom(7)
  const filterLevels = ['a', 'b', 'aa', '', '+', '+', '$a']
  const topicLevels = ['a', 'b', 'aa', '', '$a']
  const text = (levels: readonly string[]) =>
    Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(levels, random)).join('/')
  let different = ''
  let matched = 0

  for (let pair = 0; pair < 1_000_000; pair++) {
    const filter = random() < 0.3 ? `${text(filterLevels)}/#` : text(filterLevels)
    const topic = text(topicLevels)
    const matches = topicMatches(filter, topic)
    if (matches) matched++
    if (matches !== bruteForceMatches(filter, topic)) different = `${filter} ~ ${topic}`
  }

  t.equal(different, '')
  t.ok(matched > 50_000, `${matched} pairs matched`)
})
