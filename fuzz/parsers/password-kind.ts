// Password files: refused exactly where a second reading refuses, and otherwise with its users and hashes.

import { AccessFileError } from '../../src/access/access-file.ts'
import { parsePasswordFile } from '../../src/access/password/password-file.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target.ts'
import { count, type FileKind } from './file-target.ts'
import { bytesOf, mutatedText } from './text-maker.ts'
import { isWellFormed } from './well-formed.ts'

const NAMES = ['u', 'alice', 'sensor-1', 'ü', 'a b', '$6$', 'a/b']
const BLANKS = /^[ \t-\r]+|[ \t-\r]+$/g

/** Tests plant faults in the parser. */
export function passwordKind(parse: typeof parsePasswordFile = parsePasswordFile): FileKind {
  return { name: 'passwords', make, check: (bytes, counts) => check(parse, bytes, counts) }
}

function make(random: Random): Buffer {
  const lines = Array.from({ length: random.below(5) }, (_, index) => {
    if (random.chance(8)) return random.of(['# a comment', '', ' '])
    return `${random.of(NAMES)}${index}:${hashOf(random)}`
  })
  const text = `${lines.join('\n')}\n`
  return bytesOf(random.chance(4) ? text : mutatedText(text, random), random)
}

function hashOf(random: Random): string {
  const base64 = (length: number): string =>
    Buffer.alloc(length, random.below(256)).toString('base64')
  const bare = (length: number): string => base64(length).replaceAll('=', '')
  switch (random.below(3)) {
    case 0:
      return `$6$${base64(12)}$${base64(64)}`
    case 1:
      return `$7$${random.of([1, 101, 1_000, 210_000, 10_000_000, 10_000_001])}$${base64(random.of([12, 64, 128, 129]))}$${base64(64)}`
    default:
      return `$argon2id$v=19$m=${random.of([8, 47_104, 262_144, 262_145])},t=1,p=1$${bare(16)}$${bare(64)}`
  }
}

function check(
  parse: typeof parsePasswordFile,
  bytes: Buffer,
  counts: Record<string, number>,
): Outcome {
  const expected = reference(bytes)
  try {
    const { users } = parse(bytes, 'users')
    count(counts, 'accepted')
    if (expected === null) return 'accepted what must be refused'
    const written = [...users].map(([name, user]) => `${name}:${user.written}`).sort()
    const same = written.join('\n') === expected.toSorted().join('\n')
    return same ? null : 'the users are not those of the lines'
  } catch (error) {
    if (!(error instanceof AccessFileError)) return `threw ${String(error)}`
    count(counts, 'refused')
    if (expected !== null) return `refused what must be accepted: ${error.message}`
    const secrets = bytes.toString('latin1').match(/(?<=[$:])[A-Za-z0-9+/]{16,}/g) ?? []
    return secrets.some(each => error.message.includes(each)) ? 'the sentence has a hash' : null
  }
}

/** Returns `name:hash` of each user, or null for a file that must be refused. */
function reference(bytes: Buffer): readonly string[] | null {
  if (!isWellFormed(bytes)) return null
  const text = bytes.toString('utf8')
  if (text.includes('\0') || text.startsWith('\ufeff')) return null
  const users = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (line.replace(BLANKS, '') === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    if (colon === -1) return null
    const name = line.slice(0, colon).replace(BLANKS, '')
    const hash = (line.slice(colon + 1).split(':')[0] ?? '').replace(BLANKS, '')
    if (name === '' || name.startsWith('#') || /\p{Cc}/u.test(name) || users.has(name)) return null
    if (Buffer.byteLength(name) > 65_535 || !isHash(hash)) return null
    users.set(name, hash)
  }
  return [...users].map(([name, hash]) => `${name}:${hash}`)
}

function isHash(text: string): boolean {
  const [, old, oldDigest] = /^\$6\$([^$]*)\$([^$]*)$/.exec(text) ?? []
  if (old !== undefined && oldDigest !== undefined) return isSalt(old) && bytesIn(oldDigest) === 64
  const [, iterations, salt, digest] = /^\$7\$(\d{1,10})\$([^$]*)\$([^$]*)$/.exec(text) ?? []
  if (salt !== undefined && digest !== undefined)
    return (
      Number(iterations) >= 1 &&
      Number(iterations) <= 10_000_000 &&
      isSalt(salt) &&
      bytesIn(digest) === 64
    )
  const [, memory, passes, lanes, bareSalt, bareDigest] =
    /^\$argon2id\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,10})\$([^$]*)\$([^$]*)$/.exec(text) ?? []
  if (bareSalt === undefined || bareDigest === undefined) return false
  const saltBytes = bytesIn(padded(bareSalt))
  const digestBytes = bytesIn(padded(bareDigest))
  return (
    isWithin(lanes, 1, 16) &&
    isWithin(memory, 8 * Number(lanes), 262_144) &&
    isWithin(passes, 1, 100) &&
    saltBytes >= 8 &&
    saltBytes <= 128 &&
    digestBytes >= 16 &&
    digestBytes <= 128
  )
}

function isWithin(text: string | undefined, min: number, max: number): boolean {
  return Number(text) >= min && Number(text) <= max
}

function isSalt(text: string): boolean {
  const bytes = bytesIn(text)
  return bytes >= 1 && bytes <= 128
}

function padded(text: string): string {
  return text + '='.repeat((4 - (text.length % 4)) % 4)
}

/** The number of bytes that canonical base64 stands for (RFC 4648, section 4); -1 for any other text. */
function bytesIn(text: string): number {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) || text === '')
    return -1
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const last = text[text.length - 1 - padding] ?? 'A'
  const value = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(last)
  // The bits that padding leaves over are 0.
  if (padding === 2 && value % 16 !== 0) return -1
  if (padding === 1 && value % 4 !== 0) return -1
  return (text.length / 4) * 3 - padding
}
