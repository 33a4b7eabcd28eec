// JSON Web Tokens with wrong headers, claims, signatures and characters: whoever is let in has a token that a plain check finds right.

import { createHmac } from 'node:crypto'
import type { FoundOrRefused } from '../../src/access/authenticator.ts'
import { FileKeys } from '../../src/access/jwt/file-keys.ts'
import { JwtAuthenticator } from '../../src/access/jwt/jwt-authenticator.ts'
import { parseSecret } from '../../src/access/jwt/key-set.ts'
import { Random } from '../random.ts'
import type { Outcome, Target } from '../target.ts'
import { withoutParts } from '../target.ts'
import { count } from './file-target.ts'
import { mutatedText } from './text-maker.ts'

const SECRET = 'a secret that has 32 bytes and more'
const OTHER_SECRET = 'another one that has 32 bytes and more'
const NOW = 1_800_000_000_000
const SECONDS = NOW / 1_000
const ISSUER = 'https://issuer.example'
const AUDIENCE = 'pond'
const RULES = {
  issuer: ISSUER,
  audience: AUDIENCE,
  userClaim: 'sub',
  rulesClaim: 'acl',
  clockSkewSeconds: 0,
}
const HEADERS: readonly unknown[] = [
  { alg: 'HS256' },
  { alg: 'HS256', typ: 'JWT' },
  { alg: 'none' },
  { alg: 'hs256' },
  { alg: 'HS384' },
  { alg: 'RS256' },
  { alg: 'HS256', kid: '../../etc/passwd' },
  { alg: 'HS256', kid: 1 },
  { alg: 'HS256', crit: ['exp'] },
  { alg: 'HS256', b64: false, crit: ['b64'] },
  { alg: 'HS256', jwk: { kty: 'oct', k: 'YQ' } },
  [],
  null,
]
const EXPIRIES: readonly unknown[] = [
  SECONDS + 60,
  SECONDS,
  SECONDS - 1,
  0,
  -1,
  '1900000000',
  null,
  1e308,
  [SECONDS + 60],
]
const USERS: readonly unknown[] = [
  'alice',
  '',
  1,
  null,
  ['alice'],
  'a\u0000b',
  '+',
  'x'.repeat(70_000),
]

export class JwtTarget implements Target {
  readonly name = 'jwt'
  readonly unit = 'tokens'
  readonly counts: Record<string, number> = {}
  input = ''
  readonly #random = new Random()
  readonly #authenticator = new JwtAuthenticator(
    new FileKeys(parseSecret(Buffer.from(SECRET), undefined)),
    RULES,
    () => NOW,
  )

  run(seed: number): Promise<Outcome> {
    this.#random.seed(seed)
    const token = tokenAtRandom(this.#random)
    this.input = Buffer.from(token).toString('hex')
    return this.replay(this.input)
  }

  async replay(input: string): Promise<Outcome> {
    const bytes = Buffer.from(input, 'hex')
    let answer: FoundOrRefused
    try {
      answer = await this.#authenticator.authenticate({
        clientId: 'c',
        username: 'whatever',
        password: bytes,
        address: '192.0.2.1',
        transport: 'tcp',
        certificate: null,
      })
    } catch (error) {
      return `threw ${String(error)}`
    }
    const user = userIn(bytes.toString('latin1'))
    count(this.counts, answer?.kind ?? 'no token')
    if (answer?.kind === 'found')
      return answer.username === user ? null : `let in as ${answer.username}, expected ${user}`
    return user === 'alice' && isPlain(bytes) ? 'a right token was refused' : null
  }

  *smaller(input: string): Iterable<string> {
    for (const fewer of withoutParts([...Buffer.from(input, 'hex')]))
      yield Buffer.from(fewer).toString('hex')
  }
}

function tokenAtRandom(random: Random): string {
  const of = (values: readonly unknown[]): unknown =>
    random.chance(3) ? random.of(values) : values[0]
  const claims = {
    sub: of(USERS),
    exp: of(EXPIRIES),
    iss: of([ISSUER, `${ISSUER}/`, [ISSUER], null]),
    aud: of([AUDIENCE, [AUDIENCE, 'x'], 'x', [], { pond: 1 }]),
    ...(random.chance(3) ? { nbf: of([SECONDS, SECONDS + 60, 'x']) } : {}),
  }
  const header = JSON.stringify(of(HEADERS))
  const said = JSON.stringify(claims)
  const signed = [header, random.chance(6) ? mutatedText(said, random) : said]
    .map(part => Buffer.from(part).toString('base64url'))
    .join('.')
  const secret = random.chance(8) ? random.of([OTHER_SECRET, '']) : SECRET
  const token = `${signed}.${signatureOf(signed, secret)}`
  return random.chance(4) ? mutatedText(token, random) : token
}

function signatureOf(signed: string, secret: string): string {
  return createHmac('sha256', secret).update(signed).digest('base64url')
}

/** Whether its parts are written as they are read. Names that stand twice, for example, may be refused. */
function isPlain(token: Buffer): boolean {
  return token
    .toString('latin1')
    .split('.')
    .slice(0, 2)
    .map(part => Buffer.from(part, 'base64url').toString('utf8'))
    .every(text => JSON.stringify(JSON.parse(text)) === text)
}

/** The user of a right token; null for any other. A signature counts only in its one spelling. */
function userIn(token: string): string | null {
  const [head = '', body = '', signature, ...more] = token.split('.')
  if (more.length > 0 || signature !== signatureOf(`${head}.${body}`, SECRET)) return null
  try {
    const header: unknown = JSON.parse(Buffer.from(head, 'base64url').toString('utf8'))
    const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))
    if (member(header, 'alg') !== 'HS256' || member(header, 'crit') !== undefined) return null
    const kid = member(header, 'kid')
    if (kid !== undefined && typeof kid !== 'string') return null
    const exp = member(claims, 'exp')
    const nbf = member(claims, 'nbf')
    const aud = member(claims, 'aud')
    if (typeof exp !== 'number' || exp <= SECONDS || member(claims, 'iss') !== ISSUER) return null
    if (nbf !== undefined && (typeof nbf !== 'number' || nbf > SECONDS)) return null
    if (aud !== AUDIENCE && !(Array.isArray(aud) && aud.includes(AUDIENCE))) return null
    const user = member(claims, 'sub')
    return typeof user === 'string' ? user : null
  } catch {
    return null
  }
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
}
