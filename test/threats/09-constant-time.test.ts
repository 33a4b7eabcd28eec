// Threat 9: secrets are compared in constant time. The sources are searched for other comparisons.

import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'tap'

const ACCESS = resolve(import.meta.dirname, '../../../src/access')
/** Names of values that an attacker could guess byte by byte. */
const SECRET = /\b\w*(password|digest|secret|proof|signature|mac)\b/i
const COMPARISON = /[!=]==|\.equals\(|\.compare\(|\.startsWith\(/

function sources(): readonly string[] {
  return readdirSync(ACCESS, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
}

/** Lines that compare a secret with something other than null, undefined, a length or an empty text. */
function suspicious(name: string): readonly string[] {
  return readFileSync(join(ACCESS, name), 'utf8')
    .split('\n')
    .filter(line => !line.trimStart().startsWith('//') && !line.trimStart().startsWith('*'))
    .filter(line => COMPARISON.test(line) && SECRET.test(line.split(COMPARISON)[0] ?? ''))
    .filter(line => !/null|undefined|length|kind|size|'/.test(line))
    .map(line => `${name}: ${line.trim()}`)
}

test('no source of access compares a password, digest, proof or signature other than by timingSafeEqual', async t => {
  t.strictSame(sources().flatMap(suspicious), [])
})

test('hashes of passwords are compared by timingSafeEqual', async t => {
  const text = sources().map(name => readFileSync(join(ACCESS, name), 'utf8'))

  t.ok(text.some(source => source.includes('timingSafeEqual(')))
})
