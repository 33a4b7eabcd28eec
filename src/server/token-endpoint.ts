// `POST /api/v1/tokens`: issues a token of the broker to a user of the chain, by Basic authentication.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Credentials } from '../access/access.ts'
import type { Found, FoundOrRefused } from '../access/authenticator.ts'
import { BoundedMap } from '../access/bounded-map.ts'
import { networkOf } from '../access/addresses.ts'
import { isRecord, parseStrictJson, WrongJson } from '../access/strict-json.ts'
import type { IssuedToken } from '../access/tokens/own-tokens.ts'
import { SERVER_BUSY, SERVER_UNAVAILABLE } from '../packet/reason.ts'
import type { RequestSource } from '../transport/listener-options.ts'

const PATH = '/api/v1/tokens'
const BODY_BYTES_MAX = 4_096
const CLIENT_ID_BYTES_MAX = 256
/** Requests of one network in a minute. */
const REQUESTS_A_MINUTE_MAX = 30
const NETWORKS_MAX = 10_000
const MINUTE_MS = 60_000

interface TokenSources {
  /** Asks the chain for the user. */
  ask(credentials: Credentials): Promise<FoundOrRefused>
  /** Whether this user may have tokens. */
  mayHave(username: string | null): boolean
  issue(found: Found, clientId: string): Promise<IssuedToken | null>
  /** The client of the user is connected by an older token: its time is that of the new one. */
  renew(clientId: string, username: string, validForMs: number): void
  readonly now: () => number
}

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export class TokenEndpoint {
  readonly #sources: TokenSources
  readonly #requests = new BoundedMap<string, { since: number; count: number }>(NETWORKS_MAX)
  refused = 0

  constructor(sources: TokenSources) {
    this.#sources = sources
  }

  /** Returns false for another path. */
  handles(request: IncomingMessage, response: ServerResponse, from: RequestSource): boolean {
    if (request.url?.split('?')[0] !== PATH) return false
    void this.#answerTo(request, from)
      .catch(() => problem(500, 'a fault of the broker itself'))
      .then(answer => {
        if (answer.status >= 400) this.refused++
        send(request, response, answer, from)
      })
    return true
  }

  async #answerTo(request: IncomingMessage, from: RequestSource): Promise<Answer> {
    // Any page on the web could ask otherwise.
    if (!from.isOriginAllowed) return problem(403, 'pages of this origin may not ask')
    if (request.method === 'OPTIONS') return { status: 204, body: {} }
    if (request.method !== 'POST') return problem(405, 'only POST is answered here')
    if (this.#isTooOften(networkOf(from.address))) return problem(429, 'too many requests')
    const login = basicLogin(request.headers.authorization)
    if (login === null)
      return problem(401, 'Authorization: Basic with user name and password is needed')
    const clientId = clientIdIn(await bodyOf(request))
    if (clientId === null)
      return problem(400, 'the body must be {"clientId": "…"}, the client id of the token')
    const { address } = from
    const credentials = { ...login, clientId, address, transport: 'http', certificate: null }
    const found = await this.#sources.ask(credentials)
    if (found?.kind !== 'found') return refused(found)
    return this.#issued(found, clientId)
  }

  async #issued(found: Found, clientId: string): Promise<Answer> {
    const { username } = found
    if (username === null || !this.#sources.mayHave(username)) {
      return problem(403, 'this user may have no tokens (access.tokens.users)')
    }
    const issued = await this.#sources.issue(found, clientId)
    if (issued === null) return problem(403, 'the rights of this user cannot be in a token')
    const { token, validForMs } = issued
    this.#sources.renew(clientId, username, validForMs)
    return {
      status: 201,
      body: { token, username, clientId, validSeconds: Math.floor(validForMs / 1_000) },
    }
  }

  #isTooOften(network: string): boolean {
    const now = this.#sources.now()
    const known = this.#requests.get(network)
    const entry =
      known === undefined || now - known.since > MINUTE_MS ? { since: now, count: 0 } : known
    entry.count++
    this.#requests.set(network, entry)
    return entry.count > REQUESTS_A_MINUTE_MAX
  }
}

function problem(status: number, detail: string): Answer {
  return { status, body: { status, detail } }
}

function refused(answer: FoundOrRefused): Answer {
  if (answer?.kind === 'refused' && answer.reason === SERVER_BUSY)
    return problem(429, answer.sentence)
  if (answer?.kind === 'refused' && answer.reason === SERVER_UNAVAILABLE) {
    return problem(503, answer.sentence)
  }
  return problem(401, 'user name or password is wrong')
}

/** Null if the header is none of Basic authentication (RFC 7617). */
function basicLogin(header: string | undefined): Pick<Credentials, 'username' | 'password'> | null {
  const [scheme, encoded] = header?.split(' ') ?? []
  if (scheme?.toLowerCase() !== 'basic' || encoded === undefined) return null
  const bytes = Buffer.from(encoded, 'base64')
  const colon = bytes.indexOf(':')
  if (colon < 1) return null
  return { username: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) }
}

function clientIdIn(body: Buffer | null): string | null {
  try {
    const value = body === null ? null : parseStrictJson(body)
    const clientId = isRecord(value) ? value['clientId'] : null
    if (typeof clientId !== 'string' || clientId === '') return null
    return Buffer.byteLength(clientId) <= CLIENT_ID_BYTES_MAX ? clientId : null
  } catch (error) {
    if (error instanceof WrongJson) return null
    throw error
  }
}

/** Null if it is too long. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk)
  }
  return bytes <= BODY_BYTES_MAX ? Buffer.concat(chunks) : null
}

/** The browser is not asked to show its own window for a password: it would send that by itself from then on. */
function send(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { status, body }: Answer,
  { isOriginAllowed }: RequestSource,
): void {
  const { origin } = headers
  const text = status === 204 ? '' : `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    vary: 'origin',
    ...(origin !== undefined &&
      isOriginAllowed && {
        'access-control-allow-origin': origin,
        'access-control-allow-headers': 'authorization, content-type',
        'access-control-allow-methods': 'POST',
      }),
  })
  response.end(text)
}
