// Users who are made with the password of a client's next try, because an administrator has approved of that client. An approval is
// for one client id, one user name and one address, counts once, and ends after ten minutes.

import type { Credentials } from '../access.ts'
import type { Found, Refused } from '../authenticator.ts'
import { SERVER_UNAVAILABLE } from '../../packet/reason.ts'

export interface Approval {
  readonly clientId: string
  readonly username: string
  readonly address: string
  /** What the user may do besides; null for nothing. */
  readonly rule: ApprovedRule | null
}

export interface ApprovedRule {
  readonly access: 'read' | 'write' | 'readwrite'
  readonly filter: string
}

interface Entry extends Approval {
  readonly until: number
}

export const APPROVALS_MAX = 16
export const APPROVAL_MS = 600_000
/** As for passwords that an administrator gives. */
const PASSWORD_BYTES_MAX = 1_024

export class AwaitedPasswords {
  /** Makes the user. Resolves with false if that failed; the log says why. */
  make: (approval: Approval, password: Buffer) => Promise<boolean> = () => Promise.resolve(false)
  taken = 0
  expired = 0
  readonly #now: () => number
  readonly #entries = new Map<string, Entry>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Those that still wait. */
  get all(): readonly Entry[] {
    this.#expire()
    return [...this.#entries.values()]
  }

  /** Returns false when too many wait. Another approval of the same client replaces the former. */
  add(approval: Approval): boolean {
    this.#expire()
    const key = keyOf(approval)
    if (this.#entries.size >= APPROVALS_MAX && !this.#entries.has(key)) return false
    this.#entries.set(key, { ...approval, until: this.#now() + APPROVAL_MS })
    return true
  }

  /** Returns false when there is none. */
  remove(client: Pick<Approval, 'clientId' | 'username' | 'address'>): boolean {
    this.#expire()
    return this.#entries.delete(keyOf(client))
  }

  /**
   * Takes the password of an approved client; null for any other. The approval is used up before the hash is made, so that of two tries
   * at once only the first counts.
   */
  take(credentials: Credentials): Promise<Found | Refused> | null {
    if (this.#entries.size === 0) return null
    const { clientId, username, password, address } = credentials
    if (username === null || password === null || password.length === 0) return null
    if (password.length > PASSWORD_BYTES_MAX) return null
    this.#expire()
    const key = keyOf({ clientId, username, address })
    const approval = this.#entries.get(key)
    if (approval === undefined) return null
    this.#entries.delete(key)
    return this.make(approval, password).then(isMade => {
      if (!isMade) return NOT_MADE
      this.taken += 1
      return { kind: 'found', username, authentication: 'password', rights: null, validForMs: null }
    })
  }

  #expire(): void {
    const now = this.#now()
    for (const [key, { until }] of this.#entries) {
      if (until > now) continue
      this.#entries.delete(key)
      this.expired += 1
    }
  }
}

function keyOf({ clientId, username, address }: Omit<Approval, 'rule'>): string {
  return JSON.stringify([clientId, username, address])
}

const NOT_MADE: Refused = {
  kind: 'refused',
  reason: SERVER_UNAVAILABLE,
  sentence: 'the approved user could not be made: the log says why',
}
