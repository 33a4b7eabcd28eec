// Who was refused at CONNECT, why, how often, and how to let it in.

import type { ClientFacts } from '../broker/observer.ts'
import { loginHint } from '../observe/login-hint.ts'
import {
  BAD_USER_NAME_OR_PASSWORD,
  CLIENT_IDENTIFIER_NOT_VALID,
  NOT_AUTHORIZED,
  QUOTA_EXCEEDED,
  reasonName,
  type ReasonCode,
  SERVER_BUSY,
  UNSUPPORTED_PROTOCOL_VERSION,
} from '../packet/reason.ts'
import { shortened } from '../packet/text.ts'

interface RefusedClient {
  readonly clientId: string
  readonly username: string | null
  readonly address: string
  readonly reasonCode: ReasonCode
  readonly cause: string
  /** What lets it in. */
  readonly mend: string
  readonly firstAt: number
  lastAt: number
  count: number
  /** When a client with this id was let in after that; null if none was. */
  letInAt: number | null
}

const ENTRIES_MAX = 1_000
const TEXT_BYTES_MAX = 128

export class RefusedClients {
  readonly #now: () => number
  readonly #hasUsers: boolean
  /** The last refused one last. */
  readonly #entries = new Map<string, RefusedClient>()
  /** The client ids that were refused and not let in since. */
  readonly #waiting = new Set<string>()
  /** How many were forgotten, because there were too many others. */
  forgotten = 0

  /** `hasUsers`: there is a file of users. */
  constructor(now: () => number, hasUsers: boolean) {
    this.#now = now
    this.#hasUsers = hasUsers
  }

  add(client: ClientFacts, reason: ReasonCode, sentence: string): void {
    const clientId = shortened(client.clientId, TEXT_BYTES_MAX)
    const cause = shortened(sentence, TEXT_BYTES_MAX)
    const { address } = client
    const key = `${address}\n${reason}\n${cause}\n${clientId}`
    const now = this.#now()
    this.#waiting.add(clientId)
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.count += 1
      known.lastAt = now
      known.letInAt = null
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return
    }
    const username = client.username === null ? null : shortened(client.username, TEXT_BYTES_MAX)
    const mend = mendFor(client, reason, this.#hasUsers)
    const times = { firstAt: now, lastAt: now, count: 1, letInAt: null }
    this.#entries.set(key, {
      clientId,
      username,
      address,
      reasonCode: reason,
      cause,
      mend,
      ...times,
    })
    if (this.#entries.size <= ENTRIES_MAX) return
    const [oldest = ''] = this.#entries.keys()
    this.#waiting.delete(this.#entries.get(oldest)?.clientId ?? '')
    this.#entries.delete(oldest)
    this.forgotten += 1
  }

  /** The last refused one first. */
  get all(): readonly RefusedClient[] {
    return [...this.#entries.values()].reverse()
  }

  /** A client was let in: it needs no attention any more, until it is refused again. */
  letIn(fullId: string): void {
    if (this.#waiting.size === 0) return
    const clientId = shortened(fullId, TEXT_BYTES_MAX)
    if (!this.#waiting.delete(clientId)) return
    for (const entry of this.#entries.values()) {
      if (entry.clientId === clientId) entry.letInAt = this.#now()
    }
  }
}

function mendFor(client: ClientFacts, reason: ReasonCode, hasUsers: boolean): string {
  const hint = hasUsers ? loginHint(client, reason) : null
  if (hint !== null) return hint
  switch (reason) {
    case BAD_USER_NAME_OR_PASSWORD:
      return 'give the client the user name and password of a user'
    case NOT_AUTHORIZED:
      return 'give its user the right: see docs/how-to/users-and-rules.md'
    case CLIENT_IDENTIFIER_NOT_VALID:
      return 'give the client another client id: see access.clientIdPattern and limits.clientIdBytesMax'
    case UNSUPPORTED_PROTOCOL_VERSION:
      return 'set the client to MQTT 3.1.1 or 5.0'
    case QUOTA_EXCEEDED:
    case SERVER_BUSY:
      return 'the cause names the limit; more room is given by that key of the configuration'
    default:
      return `the client must be changed (${reasonName(reason)})`
  }
}
