// The keys of programs: `Authorization: Bearer phk_…`.

import type { z as zod } from 'zod'
import { z } from '../config/zod.ts'
import type { Log } from '../observe/log.ts'
import { ROLES, type Role } from './contract/sign-in.ts'
import { Problem } from './problem.ts'
import { KeptList } from './kept-list.ts'
import { hashOf, newSecret } from './secrets.ts'

const FILE = 'api-keys.json'
const PREFIX = 'phk_'
const KEY_BYTES = 32
const KEYS_MAX = 100
const DAY_MS = 86_400_000
/** How exactly the last use of a key is known. */
const MINUTE_MS = 60_000

const entries = z.array(
  z.strictObject({
    id: z.string(),
    hash: z.string(),
    name: z.string(),
    role: z.enum(ROLES),
    username: z.string().nullable(),
    createdAt: z.number(),
    lastUsedAt: z.number().nullable(),
    expiresAt: z.number().nullable(),
  }),
)

type Entry = zod.infer<typeof entries>[number]
export type ApiKey = Readonly<Omit<Entry, 'hash'>>

interface NewKey {
  readonly name: string
  readonly role: Role
  readonly username?: string | undefined
  readonly validDays?: number | undefined
}

export class ApiKeys {
  readonly #now: () => number
  readonly #file: KeptList<Entry>
  readonly #keys = new Map<string, Entry>()

  constructor(now: () => number, log: Log) {
    this.#now = now
    this.#file = new KeptList(FILE, 'make keys again', entries, log)
  }

  open(directory: string): void {
    for (const entry of this.#file.open(directory)) this.#keys.set(entry.hash, entry)
  }

  get all(): readonly ApiKey[] {
    return [...this.#keys.values()]
  }

  /** Throws Problem. */
  add({ name, role, username, validDays }: NewKey): {
    readonly key: string
    readonly entry: ApiKey
  } {
    if (this.all.some(each => each.name === name)) {
      throw new Problem(
        409,
        `there is a key with the name ${name}: remove it, or take another name`,
      )
    }
    if (this.#keys.size >= KEYS_MAX) {
      throw new Problem(409, `there are ${KEYS_MAX} keys, which is the most: remove one`)
    }
    const now = this.#now()
    const key = `${PREFIX}${newSecret(KEY_BYTES)}`
    const entry: Entry = {
      id: newSecret(6),
      hash: hashOf(key),
      name,
      role,
      username: username ?? null,
      createdAt: now,
      lastUsedAt: null,
      expiresAt: validDays === undefined ? null : now + validDays * DAY_MS,
    }
    this.#keys.set(entry.hash, entry)
    if (this.#keep()) return { key, entry }
    this.#keys.delete(entry.hash)
    throw new Problem(507, 'the key cannot be stored: the log says why')
  }

  /** Returns the entry of a key, which is used by that; null if there is none, or if it has expired. */
  of(key: string): ApiKey | null {
    const entry = key.startsWith(PREFIX) ? this.#keys.get(hashOf(key)) : undefined
    const now = this.#now()
    if (entry === undefined || (entry.expiresAt ?? Infinity) <= now) return null
    entry.lastUsedAt = now - (now % MINUTE_MS)
    return entry
  }

  /** By its id, or by its name. Returns false when there is none. */
  remove(id: string): boolean {
    for (const [hash, entry] of this.#keys) {
      if (entry.id !== id && entry.name !== id) continue
      this.#keys.delete(hash)
      this.#keep()
      return true
    }
    return false
  }

  #keep(): boolean {
    return this.#file.keep([...this.#keys.values()])
  }
}
