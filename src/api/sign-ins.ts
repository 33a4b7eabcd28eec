// Browsers that are signed in. A link with a key, which counts once, signs one in; from then on a cookie does.

import type { z as zod } from 'zod'
import { z } from '../config/zod.ts'
import type { Log } from '../observe/log.ts'
import { KeptList } from './kept-list.ts'
import { hashOf, newSecret } from './secrets.ts'

const FILE = 'sign-ins.json'
const KEY_BYTES = 16
const KEY_MS = 10 * 60_000
/** Links that are not used yet. */
const KEYS_MAX = 16
const TOKEN_BYTES = 32
const IDLE_MS = 12 * 3_600_000
const AGE_MS = 7 * 24 * 3_600_000
const SIGN_INS_MAX = 100
/** How late the file may know that a sign-in was used. */
const LATE_MS = 10 * 60_000

export type SignInRole = 'viewer' | 'operator'

const entries = z.array(
  z.strictObject({
    id: z.string(),
    hash: z.string(),
    role: z.enum(['viewer', 'operator']),
    address: z.string(),
    createdAt: z.number(),
    lastUsedAt: z.number(),
  }),
)

type Entry = zod.infer<typeof entries>[number]
type SignIn = Readonly<Omit<Entry, 'hash'>>

export class SignIns {
  /** Sign-ins that ended because there were too many. */
  dropped = 0
  readonly #now: () => number
  readonly #file: KeptList<Entry>
  /** By the hash of the key. */
  readonly #keys = new Map<string, { readonly role: SignInRole; readonly expiresAt: number }>()
  /** By the hash of the token. */
  readonly #signIns = new Map<string, Entry>()
  #keptAt = 0

  constructor(now: () => number, log: Log) {
    this.#now = now
    this.#file = new KeptList(FILE, 'sign in again', entries, log)
  }

  open(directory: string): void {
    for (const entry of this.#file.open(directory)) this.#signIns.set(entry.hash, entry)
    this.#forgetOld()
  }

  get all(): readonly SignIn[] {
    this.#forgetOld()
    return [...this.#signIns.values()]
  }

  /** Makes a key for a link. */
  newKey(role: SignInRole): { readonly key: string; readonly expiresAt: number } {
    const now = this.#now()
    for (const [hash, { expiresAt }] of this.#keys) {
      if (expiresAt <= now) this.#keys.delete(hash)
    }
    const [oldest] = this.#keys.keys()
    if (this.#keys.size >= KEYS_MAX && oldest !== undefined) this.#keys.delete(oldest)
    const key = newSecret(KEY_BYTES)
    const expiresAt = now + KEY_MS
    this.#keys.set(hashOf(key), { role, expiresAt })
    return { key, expiresAt }
  }

  /** Signs in by a key, which ends by that. Returns null if there is no such key any more. */
  redeem(key: string, address: string): { readonly token: string; readonly signIn: SignIn } | null {
    const hash = hashOf(key)
    const known = this.#keys.get(hash)
    this.#keys.delete(hash)
    const now = this.#now()
    if (known === undefined || known.expiresAt <= now) return null
    this.#forgetOld()
    if (this.#signIns.size >= SIGN_INS_MAX) this.#dropLongestUnused()
    const token = newSecret(TOKEN_BYTES)
    const entry: Entry = {
      id: newSecret(6),
      hash: hashOf(token),
      role: known.role,
      address,
      createdAt: now,
      lastUsedAt: now,
    }
    this.#signIns.set(entry.hash, entry)
    this.#keep()
    return { token, signIn: entry }
  }

  /** Returns the sign-in of a cookie, which is used by that; null if it has ended. */
  of(token: string): SignIn | null {
    const entry = this.#signIns.get(hashOf(token))
    const now = this.#now()
    if (entry === undefined) return null
    if (expiryOf(entry) <= now) {
      this.end(entry.id)
      return null
    }
    entry.lastUsedAt = now
    if (now - this.#keptAt > LATE_MS) this.#keep()
    return entry
  }

  /** Returns false when there is none. */
  end(id: string): boolean {
    for (const [hash, entry] of this.#signIns) {
      if (entry.id !== id) continue
      this.#signIns.delete(hash)
      this.#keep()
      return true
    }
    return false
  }

  /** Whether it has not ended. It does not count as used by that. */
  has(id: string): boolean {
    const now = this.#now()
    for (const entry of this.#signIns.values()) if (entry.id === id) return expiryOf(entry) > now
    return false
  }

  #forgetOld(): void {
    const now = this.#now()
    for (const [hash, entry] of this.#signIns) {
      if (expiryOf(entry) <= now) this.#signIns.delete(hash)
    }
  }

  #dropLongestUnused(): void {
    let longest: Entry | null = null
    for (const entry of this.#signIns.values()) {
      if (longest === null || entry.lastUsedAt < longest.lastUsedAt) longest = entry
    }
    if (longest === null) return
    this.#signIns.delete(longest.hash)
    this.dropped += 1
  }

  #keep(): void {
    this.#keptAt = this.#now()
    this.#file.keep([...this.#signIns.values()])
  }
}

/** The time at which it ends if it is not used any more. */
export function expiryOf({ createdAt, lastUsedAt }: SignIn): number {
  return Math.min(createdAt + AGE_MS, lastUsedAt + IDLE_MS)
}
