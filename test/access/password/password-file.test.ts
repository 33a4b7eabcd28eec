// mosquitto's password files: real ones, and every way in which a line can be wrong.

import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { hashMatches, newPbkdf2, newSha512 } from '../../../src/access/password/hashing.ts'
import { parsePasswordFile } from '../../../src/access/password/password-file.ts'
import { formatHash, parseHash } from '../../../src/access/password/password-hash.ts'

const SAMPLES = new URL('../../../../test/access/password/samples/', import.meta.url)

interface SampleFile {
  readonly file: string
  readonly users: readonly { readonly username: string; readonly password: string }[]
}

function sample(name: string): Buffer {
  return readFileSync(new URL(name, SAMPLES))
}

function parsed(text: string | Buffer) {
  return parsePasswordFile(Buffer.from(text), 'users')
}

function refusalOf(text: string | Buffer): string {
  try {
    parsed(text)
    return 'nothing'
  } catch (error) {
    return (error as Error).message.replaceAll('users:', '')
  }
}

const entries = JSON.parse(sample('passwd.json').toString()) as readonly Partial<SampleFile>[]
const files = entries.filter(
  (each): each is SampleFile => each.file !== undefined && each.file !== 'plain-before-U',
)

for (const { file, users } of files) {
  test(`the passwords of ${file} are found right, and others wrong`, async t => {
    const found = parsed(sample(file)).users

    t.strictSame(
      [...found.keys()],
      users.map(({ username }) => username),
    )
    for (const { username, password } of users) {
      const user = found.get(username)
      const hash = user?.hash ?? newSha512(Buffer.from('of nobody'))
      t.equal(await hashMatches(hash, Buffer.from(password)), true, username)
      t.equal(await hashMatches(hash, Buffer.from(`${password}x`)), false, username)
      t.equal(formatHash(hash), user?.written)
    }
  })
}

const GOOD = formatHash(newPbkdf2(Buffer.from('x'), 1))
const SALT = Buffer.alloc(12).toString('base64')
const DIGEST = Buffer.alloc(64).toString('base64')

test('comments, blanks, CRLF and what follows a second colon are taken as mosquitto takes them', async t => {
  const { users } = parsed(`# users\r\n\r\n  alice : ${GOOD} \r\nbob:${GOOD}:x\n\t\n`)

  t.strictSame([...users.keys()], ['alice', 'bob'])
  t.equal(users.get('alice')?.place, 'users:3')
  t.equal(users.get('bob')?.written, GOOD)
  t.equal(parsed('').users.size, 0)
})

test('a wrong line is named with what is wrong with it', async t => {
  const argon = 'expected $argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH'
  const wrong: readonly (readonly [string | Buffer, string])[] = [
    ['alice', '1: expected NAME:HASH, and there is no colon'],
    [`alice:${GOOD}\n:${GOOD}`, '2: a user needs a name'],
    ['alice:', '1: the user has no password'],
    [
      'alice:secret',
      '1: no hash follows the name, as if the password stood there itself: pondhawk passwd -U FILE hashes it',
    ],
    ['a:$5$x$y', '1: this kind of hash is not known: $6$, $7$, $argon2id$ and $scram-sha-256$ are'],
    [
      'a:$2b$12$abc',
      '1: this kind of hash is not known: $6$, $7$, $argon2id$ and $scram-sha-256$ are',
    ],
    [`a:$6$${SALT}`, '1: expected $6$SALT$HASH'],
    [`a:$7$101$${SALT}`, '1: expected $7$ITERATIONS$SALT$HASH'],
    [`a:$7$0$${SALT}$${DIGEST}`, '1: the iterations are 1 to 10000000'],
    [`a:$7$1e3$${SALT}$${DIGEST}`, '1: the iterations are 1 to 10000000'],
    [`a:$7$99999999$${SALT}$${DIGEST}`, '1: the iterations are 1 to 10000000'],
    [`a:$7$1$!!$${DIGEST}`, '1: the salt is not base64'],
    [`a:$7$1$$${DIGEST}`, '1: the salt is not base64'],
    [`a:$7$1$${SALT}$${DIGEST.slice(0, 40)}`, '1: the hash has 30 bytes, and not 64: it was cut'],
    [`a:$7$1$${SALT}$${DIGEST.slice(0, 41)}`, '1: the hash is not base64'],
    ['a:$argon2id$v=18$m=8,t=1,p=1$AAAA$AAAA', `1: ${argon}`],
    ['a:$argon2id$v=19$m=8$AAAA$AAAA', `1: ${argon}`],
    ['a:$argon2id$v=19$m=999999,t=1,p=1$AAAA$AAAA', '1: the KiB of memory are 8 to 262144'],
    ['a:$argon2id$v=19$m=8,t=0,p=1$AAAA$AAAA', '1: the passes are 1 to 100'],
    ['a:$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA', '1: the salt has 3 bytes, and not 8 to 128'],
    [`a:${GOOD}\n\na:${GOOD}`, '3: "a" stands in users:1 already'.replace('users:', '')],
    [`a\u0007b:${GOOD}`, '1: a name has no control characters'],
    [Buffer.from([0xff, 0x3a, 0x0a]), '1: this line is not UTF-8'],
    [`\uFEFFalice:${GOOD}`, '1: the file begins with a byte order mark: save it without'],
    [
      `alice:${GOOD}\nbob:${GOOD.slice(0, -9)}\ncarl`,
      '2: the hash is not base64\n3: expected NAME:HASH, and there is no colon',
    ],
  ]
  for (const [text, sentence] of wrong) t.equal(refusalOf(text), sentence)
})

test('a file cut anywhere is refused, or has only whole users of the file', async t => {
  const whole = sample('pbkdf2-2.0.11')
  const known = parsed(whole).users
  for (let length = 0; length < whole.length; length++) {
    const part = whole.subarray(0, length)
    if (refusalOf(part) !== 'nothing') continue
    for (const [name, { written }] of parsed(part).users) {
      if (known.get(name)?.written !== written) t.fail(`${length}: ${name}`)
    }
  }
  t.ok(known.size > 0)
})

test('weak hashes are counted, and the warning says what to do', async t => {
  const strong = formatHash({ ...parseHash(GOOD), kind: 'pbkdf2', iterations: 210_000 } as never)
  const weak = formatHash(newSha512(Buffer.from('x')))

  t.strictSame(parsed(`a:${strong}\nb:${weak}\nc:${GOOD}`).warnings, [
    {
      place: 'users',
      sentence: '2 of 3 hashes are weak: pondhawk user passwd NAME makes a strong one',
    },
  ])
  t.strictSame(parsed(`a:${strong}`).warnings, [])
})

test('new hashes have 210,000 iterations and a salt that mosquitto 2.0 reads', async t => {
  const hash = newPbkdf2(Buffer.from('secret'))

  t.equal(hash.iterations, 210_000)
  t.equal(hash.salt.length, 12)
  t.match(formatHash(hash), /^\$7\$210000\$[\w+/]{16}\$[\w+/]{86}==$/)
  t.equal(await hashMatches(hash, Buffer.from('secret')), true)
})
