// The file with pre-shared keys.

import { inspect } from 'node:util'
import { test } from 'tap'
import { parsePskFile, PreSharedKey } from '../../src/access/psk-file.ts'

const KEY = 'ab'.repeat(16)

const read = (text: string) => parsePskFile(Buffer.from(text), 'psk')

test('a line has an identity and a key, as in mosquitto; other lines are blank or comments', t => {
  const { keys, warnings } = read(
    `# ours\n\nsensor-1:${KEY}\n  sensor 2 : ${KEY.toUpperCase()}\r\n`,
  )

  t.strictSame([...keys.keys()], ['sensor-1', 'sensor 2'])
  t.strictSame(keys.get('sensor 2')?.bytes, Buffer.from(KEY, 'hex'))
  t.strictSame(warnings, [])
  t.end()
})

test('each wrong line is told with its place, and never with its key', t => {
  const lines: readonly (readonly [string, RegExp])[] = [
    [KEY, /there is no colon/],
    [`:${KEY}`, /needs a name/],
    ['a:', /not hexadecimal/],
    [`a:${KEY}0`, /not hexadecimal/],
    [`a:0x${KEY}`, /not hexadecimal/],
    [`a:${KEY}:${KEY}`, /not hexadecimal/],
    [`a\u0007:${KEY}`, /control characters/],
    [`${'a'.repeat(257)}:${KEY}`, /256 bytes at most/],
    [`a:${'ab'.repeat(257)}`, /256 bytes at most/],
    [`good:${KEY}`, /is in the file already/],
  ]
  for (const [line, sentence] of lines) {
    t.throws(() => read(`good:${KEY}\n${line}\n`), sentence, line)
    t.throws(() => read(`good:${KEY}\n${line}\n`), /^psk:2: /, line)
    t.throws(() => read(`good:${KEY}\n${line}\n`), { message: /^(?!.*abab)/s }, line)
  }
  t.end()
})

test('a key of less than 16 bytes is warned of', t => {
  const { warnings } = read(`a:${KEY}\nb:${KEY.slice(2)}\n`)

  t.match(warnings, [{ place: 'psk:2', sentence: /less than 16 bytes/ }])
  t.end()
})

test('a key is not shown by a log or by what a program prints', t => {
  const key = new PreSharedKey('a', Buffer.from('secret'))

  t.notMatch(inspect(key, { depth: 9, showHidden: true }), 'secret')
  t.equal(JSON.stringify(key), '{"identity":"a"}')
  t.end()
})
