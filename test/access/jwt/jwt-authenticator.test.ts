// Tokens of an identity provider, right and wrong ones.

import { createHmac, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { exportJWK, SignJWT } from 'jose'
import { test } from 'tap'
import type { Credentials } from '../../../src/access/access.ts'
import type { FoundOrRefused } from '../../../src/access/authenticator.ts'
import { GivenRules } from '../../../src/access/given-rules.ts'
import { FileKeys } from '../../../src/access/jwt/file-keys.ts'
import { JwtAuthenticator, type TokenRules } from '../../../src/access/jwt/jwt-authenticator.ts'
import {
  type Algorithm,
  type KeySet,
  parseJwks,
  parsePemKey,
  parseSecret,
} from '../../../src/access/jwt/key-set.ts'

const NOW = 1_800_000_000_000
const RSA = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ED = generateKeyPairSync('ed25519')
const PEM = RSA.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const CLAIMS = { sub: 'alice', exp: NOW / 1_000 + 60 }

const WHO: Credentials = {
  clientId: 'c1',
  username: 'whatever',
  password: null,
  address: '10.0.0.1',
  transport: 'tcp',
  certificate: null,
}
const RULES: TokenRules = { userClaim: 'sub', rulesClaim: 'acl', clockSkewSeconds: 0 }

async function jwksOf(
  keys: Readonly<Record<string, KeyObject>>,
  more: object = {},
): Promise<Buffer> {
  const all = await Promise.all(
    Object.entries(keys).map(async ([kid, key]) => ({ ...(await exportJWK(key)), kid, ...more })),
  )
  return Buffer.from(JSON.stringify({ keys: all }))
}

const JWKS = parseJwks(
  await jwksOf({ rsa: RSA.publicKey, ec: EC.publicKey, ed: ED.publicKey }),
  undefined,
)

function signed(
  claims: Readonly<Record<string, unknown>> = CLAIMS,
  { alg = 'ES256', kid = 'ec', key = EC.privateKey as KeyObject | Uint8Array, ...header } = {},
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(key)
}

async function answerTo(
  token: string,
  {
    keys = JWKS,
    rules = {},
    who = {},
  }: { keys?: KeySet; rules?: Partial<TokenRules>; who?: Partial<Credentials> } = {},
): Promise<FoundOrRefused> {
  const jwt = new JwtAuthenticator(new FileKeys(keys), { ...RULES, ...rules }, () => NOW)
  return jwt.authenticate({ ...WHO, ...who, password: Buffer.from(token) })
}

function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  )
}

async function sentenceTo(...given: Parameters<typeof answerTo>): Promise<string> {
  const answer = await answerTo(...given)
  return answer?.kind === 'refused' ? answer.sentence : String(answer?.kind)
}

test('a token names the user, until it ends, whatever name is in CONNECT', async t => {
  const answers = [
    await answerTo(await signed()),
    await answerTo(await signed(CLAIMS, { alg: 'RS256', kid: 'rsa', key: RSA.privateKey })),
    await answerTo(await signed(CLAIMS, { alg: 'PS384', kid: 'rsa', key: RSA.privateKey })),
    await answerTo(await signed(CLAIMS, { alg: 'EdDSA', kid: 'ed', key: ED.privateKey })),
  ]

  for (const answer of answers) {
    t.match(answer, { kind: 'found', username: 'alice', authentication: 'jwt', rights: null })
    if (answer?.kind === 'found') t.equal(answer.validForMs, 60_000)
  }
})

test('a password that is no token is for others', async t => {
  for (const password of ['', 'secret', 'a.b.c', 'eyJh', 'eyJh.x', 'eyJ h.x.y', 'eyJh.x.y.z']) {
    t.equal(await answerTo(password), null, password)
  }
  t.equal(await answerTo('x', { who: { password: null } }), null)
})

test('time limits are those of the claims, give or take the skew', async t => {
  const second = NOW / 1_000
  t.equal(await sentenceTo(await signed({ ...CLAIMS, exp: second })), 'its token has expired')
  t.equal(
    await sentenceTo(await signed({ sub: 'alice' })),
    'its token has no time at which it ends (exp)',
  )
  t.match(await sentenceTo(await signed({ ...CLAIMS, exp: 'tomorrow' })), /\(exp\)/)
  const early = await signed({ ...CLAIMS, nbf: second + 5 })
  t.equal(await sentenceTo(early), 'its token is not valid yet (nbf)')
  t.equal(await sentenceTo(early, { rules: { clockSkewSeconds: 5 } }), 'found')
  const late = await answerTo(await signed({ ...CLAIMS, exp: second - 3 }), {
    rules: { clockSkewSeconds: 5 },
  })
  t.match(late, { kind: 'found', validForMs: 2_000 })
})

test('issuer, audience and client id must be those that are wanted', async t => {
  const rules = { issuer: 'https://id', audience: 'mqtt', clientIdClaim: 'device' }
  const right = { ...CLAIMS, iss: 'https://id', aud: ['web', 'mqtt'], device: 'c1' }
  const said = async (claims: object) =>
    sentenceTo(await signed({ ...right, ...claims }), { rules })

  t.equal(await said({}), 'found')
  t.equal(await said({ iss: 'https://evil' }), 'its token is of another issuer (iss)')
  t.equal(await said({ iss: undefined }), 'its token is of another issuer (iss)')
  t.equal(await said({ aud: 'web' }), 'its token is for another audience (aud)')
  t.equal(await said({ aud: undefined }), 'its token is for another audience (aud)')
  t.equal(await said({ device: 'c2' }), 'its token is for another client id')
  t.equal(await said({ device: undefined }), 'its token is for another client id')
})

test('an algorithm counts only with a key that was made for it', async t => {
  const none = `${part({ alg: 'none' })}.${part(CLAIMS)}.`
  const input = `${part({ alg: 'HS256', kid: 'rsa' })}.${part(CLAIMS)}`
  const mac = createHmac('sha256', PEM).update(input).digest('base64url')
  const wrongKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

  t.equal(await sentenceTo(none), 'no key for its token is known')
  t.equal(await sentenceTo(`${input}.${mac}`), 'no key for its token is known')
  const pem = parsePemKey(Buffer.from(PEM), undefined)
  t.equal(await sentenceTo(`${input}.${mac}`, { keys: pem }), 'no key for its token is known')
  const forged = await signed(CLAIMS, { key: wrongKey })
  t.equal(await sentenceTo(forged), 'the signature of its token is wrong')
  const listed = (list: readonly Algorithm[]) => parsePemKey(Buffer.from(PEM), list)
  const token = await signed(CLAIMS, { alg: 'RS256', kid: 'x', key: RSA.privateKey })
  t.equal(await sentenceTo(token, { keys: listed(['RS256']) }), 'found')
  t.equal(await sentenceTo(token, { keys: listed(['PS256']) }), 'no key for its token is known')
  const bound = parseJwks(await jwksOf({ rsa: RSA.publicKey }, { alg: 'RS512' }), undefined)
  const other = await signed(CLAIMS, { alg: 'RS256', kid: 'rsa', key: RSA.privateKey })
  t.equal(await sentenceTo(other, { keys: bound }), 'no key for its token is known')
})

test('a secret verifies only tokens that were signed with it', async t => {
  const secret = randomBytes(32).toString('hex')
  const keys = parseSecret(Buffer.from(`${secret}\n`), undefined)
  const header = { alg: 'HS256', kid: 'any', key: Buffer.from(secret) }

  t.equal(await sentenceTo(await signed(CLAIMS, header), { keys }), 'found')
  const other = await signed(CLAIMS, { ...header, key: randomBytes(32) })
  t.equal(await sentenceTo(other, { keys }), 'the signature of its token is wrong')
})

test('what a token says of its key is only compared', async t => {
  for (const kid of ['../../etc/passwd', '__proto__', "' OR 1=1 --", 'https://evil/jwks', '']) {
    t.equal(await sentenceTo(await signed(CLAIMS, { kid })), 'no key for its token is known', kid)
  }
  const header = part({ alg: 'ES256', kid: { $ne: 1 } })
  t.equal(await sentenceTo(`${header}.${part(CLAIMS)}.x`), 'its token has a wrong kid')
  const own = { jwk: await exportJWK(RSA.publicKey), jku: 'https://evil/jwks', x5u: 'https://evil' }
  const embedded = await signed(CLAIMS, { alg: 'RS256', kid: 'mine', key: RSA.privateKey, ...own })
  t.equal(await sentenceTo(embedded), 'no key for its token is known')
})

test('a token without the name of its key needs the only one that fits', async t => {
  const token = async () =>
    new SignJWT(CLAIMS).setProtectedHeader({ alg: 'ES256' }).sign(EC.privateKey)
  const two = parseJwks(await jwksOf({ one: EC.publicKey, two: EC.publicKey }), undefined)

  t.equal(await sentenceTo(await token()), 'found')
  t.equal(await sentenceTo(await token(), { keys: two }), 'no key for its token is known')
})

test('malformed tokens are refused, whatever they are signed with', async t => {
  const header = part({ alg: 'ES256', kid: 'ec' })
  const twice = part(`{"sub":"alice","exp":${CLAIMS.exp},"s\\u0075b":"admin"}`)
  const wrong: readonly [string, RegExp][] = [
    [`${header}.${twice}.x`, /a part of its token has a key twice/],
    [`${part('{"alg":"none","alg":"ES256"}')}.${part(CLAIMS)}.x`, /has a key twice/],
    [`${header}.${part('{')}.x`, /is not JSON/],
    [`${header}.${part('7')}.x`, /is no JSON object/],
    [`${header}.${part(`{"a":${'['.repeat(40)}${']'.repeat(40)}}`)}.x`, /more than 32 levels/],
    [`${header}.${Buffer.from([0x7b, 0xff]).toString('base64url')}.x`, /is not UTF-8/],
    [`${part('{}')}.${part(CLAIMS)}.x`, /names no algorithm/],
    [`${header}.${part(CLAIMS)}.`, /signature of its token is wrong/],
    [`${header}.${part({ ...CLAIMS, long: 'x'.repeat(9_000) })}.x`, /longer than 8192 bytes/],
    [`${part({ alg: 'ES256', kid: 'ec', crit: ['x'], x: 1 })}.${part(CLAIMS)}.x`, /is malformed/],
  ]

  for (const [token, sentence] of wrong)
    t.match(await sentenceTo(token), sentence, token.slice(0, 99))
  const million = `eyJhbGciOiJub25lIn0.${'a'.repeat(1_000_000)}.`
  t.match(await sentenceTo(million), /longer than 8192 bytes/)
})

test('a mail address with a + is a name', async t => {
  const sub = 'alice+news@example.org'
  t.match(await answerTo(await signed({ ...CLAIMS, sub })), { kind: 'found', username: sub })
})

test('a name that could stand for others, or that is no own claim, makes no user', async t => {
  for (const sub of ['', '+', '#', 'a/b', 'a\nb', 7, null, { toString: 1 }]) {
    t.match(
      await sentenceTo(await signed({ ...CLAIMS, sub })),
      /the claim sub .* no name/,
      JSON.stringify(sub),
    )
  }
  const rules = { userClaim: 'constructor', rulesClaim: '__proto__' }
  t.match(await sentenceTo(await signed(), { rules }), /the claim constructor/)
})

test('rules are in a claim, or filters in two, and wrong ones refuse the token', async t => {
  const rightsOf = async (claims: object) => {
    const answer = await answerTo(await signed({ ...CLAIMS, ...claims }))
    if (answer?.kind === 'refused') return answer.sentence
    const rights = answer?.rights
    if (!(rights instanceof GivenRules)) return rights
    const { send, receive } = rights.book.rulesFor({
      username: 'alice',
      clientId: 'c1',
      address: '',
    })
    return [send.rules.map(each => each.filter), receive.rules.map(each => each.filter)]
  }

  t.equal(await rightsOf({}), null)
  const acl = [{ permission: 'allow', action: 'publish', topic: 'a/${username}' }]
  t.strictSame(await rightsOf({ acl }), [['a/alice'], []])
  t.strictSame(await rightsOf({ publ: ['a'], subs: ['b/#'] }), [['a'], ['b/#']])
  t.strictSame(await rightsOf({ acl: [] }), [[], []], 'no rule, no right')
  t.match(await rightsOf({ acl: null }), /the rules in its token: rules are a list/)
  t.match(await rightsOf({ acl, subs: ['b'] }), /both acl and publ or subs/)
  t.match(await rightsOf({ publ: 'a' }), /a list of texts/)
})

test('more tokens than can wait are refused with 0x89, those of the busiest address first', async t => {
  const jwt = new JwtAuthenticator(new FileKeys(JWKS), RULES, () => NOW)
  const password = Buffer.from(await signed())
  const ask = async (address: string) => jwt.authenticate({ ...WHO, password, address })

  const flood = Array.from({ length: 400 }, () => ask('10.0.0.66'))
  const quiet = ask('10.0.0.7')

  t.match(await quiet, { kind: 'found' })
  const answers = await Promise.all(flood)
  const busy = answers.filter(each => each?.kind === 'refused' && each.reason === 0x89)
  t.equal(busy.length, 400 - 2 - 256 + 1)
  t.match(jwt.counters, { tokensTurnedAway: busy.length, tokensQueued: 0 })
})

test('keys that are weak, private, secret or none are said to be so', async t => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 })
  const wrong: readonly [Buffer, RegExp][] = [
    [await jwksOf({ a: weak.publicKey }), /RSA key of 1024 bits/],
    [await jwksOf({ a: RSA.publicKey }, { e: 'AQAAAAE' }), /a long exponent/],
    [await jwksOf({ a: RSA.privateKey }), /has a private key/],
    [Buffer.from('{"keys":[{"kty":"oct","k":"AAAA"}]}'), /no key for any of the algorithms/],
    [Buffer.from('{"keys":[]}'), /no key for any of the algorithms/],
    [Buffer.from('{"keys":[{"kty":"EC","crv":"P-256","x":"A","y":"A"}]}'), /cannot be read/],
    [Buffer.from('{"keys":[7]}'), /a key that is no object/],
    [Buffer.from('{"keys":{}}'), /is no JWKS/],
    [Buffer.from('<html>'), /is not JSON/],
    [Buffer.from(`{"keys":[${'{},'.repeat(100)}{}]}`), /101 keys, and 100 are the most/],
    [await jwksOf({ a: RSA.publicKey }, { use: 'enc' }), /no key for any of the algorithms/],
  ]

  for (const [bytes, sentence] of wrong) t.throws(() => parseJwks(bytes, undefined), sentence)
  t.throws(() => parseSecret(Buffer.from('short\n'), undefined), /has 5 bytes/)
  const privatePem = RSA.privateKey.export({ type: 'pkcs8', format: 'pem' })
  t.throws(() => parsePemKey(Buffer.from(privatePem), undefined), /has a private key/)
})
