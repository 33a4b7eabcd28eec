// Files of pre-shared keys: refused exactly where a second reading refuses, and otherwise with its identities and keys.

import { AccessFileError } from '../../src/access/access-file.ts'
import { parsePskFile } from '../../src/access/psk-file.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target.ts'
import { count, type FileKind } from './file-target.ts'
import { bytesOf, mutatedText } from './text-maker.ts'
import { isWellFormed } from './well-formed.ts'

const IDENTITIES = ['u', 'sensor-1', 'ü', 'a b', 'a/b', 'alice+news@example.org']
const BLANKS = /^[ \t-\r]+|[ \t-\r]+$/g

/** Tests plant faults in the parser. */
export function pskKind(parse: typeof parsePskFile = parsePskFile): FileKind {
  return { name: 'psk', make, check: (bytes, counts) => check(parse, bytes, counts) }
}

function make(random: Random): Buffer {
  const lines = Array.from({ length: random.below(5) }, (_, index) => {
    if (random.chance(8)) return random.of(['# a comment', '', ' '])
    const key = Buffer.alloc(random.of([1, 8, 15, 16, 32, 256, 257]), random.below(256))
    return `${random.of(IDENTITIES)}${index}:${key.toString('hex')}`
  })
  const text = `${lines.join('\n')}\n`
  return bytesOf(random.chance(4) ? text : mutatedText(text, random), random)
}

function check(parse: typeof parsePskFile, bytes: Buffer, counts: Record<string, number>): Outcome {
  const expected = reference(bytes)
  try {
    const { keys } = parse(bytes, 'psk')
    count(counts, 'accepted')
    if (expected === null) return 'accepted what must be refused'
    const read = [...keys.values()].map(key => `${key.identity}:${key.bytes.toString('hex')}`)
    const same = read.toSorted().join('\n') === expected.toSorted().join('\n')
    return same ? null : 'the keys are not those of the lines'
  } catch (error) {
    if (!(error instanceof AccessFileError)) return `threw ${String(error)}`
    count(counts, 'refused')
    if (expected !== null) return `refused what must be accepted: ${error.message}`
    const secrets = bytes.toString('latin1').match(/[0-9A-Fa-f]{16,}/g) ?? []
    return secrets.some(each => error.message.includes(each)) ? 'the sentence has a key' : null
  }
}

/** Returns `identity:key` of each line, or null for a file that must be refused. */
function reference(bytes: Buffer): readonly string[] | null {
  if (!isWellFormed(bytes)) return null
  const text = bytes.toString('utf8')
  if (text.includes('\0') || text.startsWith('\ufeff')) return null
  const keys = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (line.replace(BLANKS, '') === '' || line.startsWith('#')) continue
    const [before, ...behind] = line.split(':')
    const identity = (before ?? '').replace(BLANKS, '')
    const key = behind.join(':').replace(BLANKS, '').toLowerCase()
    if (behind.length === 0 || keys.has(identity) || !isIdentity(identity)) return null
    if (key === '' || key.length % 2 === 1 || key.length > 512 || /[^0-9a-f]/.test(key)) return null
    keys.set(identity, key)
  }
  return [...keys].map(([identity, key]) => `${identity}:${key}`)
}

function isIdentity(text: string): boolean {
  if (text === '' || text.startsWith('#') || Buffer.byteLength(text) > 256) return false
  return !/\p{Cc}/u.test(text)
}
