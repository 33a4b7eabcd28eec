// Answers `$CONTROL/dynamic-security/v1`: commands change the file of the dynamic security, and count at once. One message of commands is
// worked on at a time; it does not hold the loop.

import { statSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Slice } from '../api/scans.ts'
import { ACCESS_FILE_BYTES_MAX, readAccessFile } from '../access/access-file.ts'
import { editFile, EditError } from '../access/edit-file.ts'
import type { Identity } from '../access/identity.ts'
import { realmOf } from '../access/realm.ts'
import { SecurityBatch } from '../access/mosquitto/security-batch.ts'
import {
  readDocument,
  type SecurityClient,
  type SecurityDocument,
} from '../access/mosquitto/security-document.ts'
import { type WrittenSecurity, writtenSecurity } from '../access/mosquitto/security-writing.ts'
import { newPbkdf2Elsewhere } from '../access/password/hashing.ts'
import { formatHash } from '../access/password/password-hash.ts'
import type { UsersAccess } from '../access/users-access.ts'
import { NotAdmitted } from '../broker/not-admitted.ts'
import type { ControlTopic } from '../broker/control.ts'
import type { Log } from '../observe/log.ts'
import { QUOTA_EXCEEDED } from '../packet/reason.ts'
import { thrownSentence } from '../thrown.ts'
import type { Core } from './core.ts'

const SECURITY_TOPIC = '$CONTROL/dynamic-security/v1'
const RESPONSE_TOPIC = `${SECURITY_TOPIC}/response`

/** Commands that run in one turn. */
const COMMANDS_PER_TURN = 50
/** How often the commands run again because somebody else has changed the file meanwhile. */
const TRIES = 3
const COMMANDS_LOGGED_MAX = 10

interface Parts {
  readonly file: string
  readonly core: Core
  readonly users: UsersAccess
  /** Of the listener whose users these are; null for those of all others. */
  readonly realm: string | null
  readonly log: Log
  /** Reads the file, if it is not what was written, calls `before`, and applies what the file says. Throws AccessFileError. */
  readonly reload: (before: () => void, written: WrittenSecurity) => void
}

interface Request {
  readonly payload: Buffer
  readonly clientId: string
  /** The connection that gave the commands: nobody else gets the answer. */
  readonly peer: object
}

/** The file has changed since it was read. */
class Changed extends Error {}

export class DynamicSecurity implements ControlTopic {
  readonly topic = SECURITY_TOPIC
  readonly #parts: Parts
  readonly #waiting: Request[] = []
  #working: Promise<void> | null = null
  #isClosed = false
  /** The file as it was last read or written, and what it says. */
  #known: { readonly bytes: Buffer; readonly document: SecurityDocument } | null = null

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** By the roles of the file alone: rights that came with a token, or from a program, give no control. */
  mayCommand(identity: Identity): boolean {
    const { clientId, address, username } = identity
    if (realmOf(identity) !== this.#parts.realm) return false
    const permissions = this.#parts.users.rightsOf({ clientId, address }, username)
    return permissions.mayPublish(SECURITY_TOPIC, 0, false)
  }

  command(payload: Buffer, clientId: string): NotAdmitted | null {
    const { limits, statistics, sessions } = this.#parts.core.broker
    const { controlBytesMax, controlWaitingMax } = limits
    if (payload.length > controlBytesMax) {
      statistics.limited.controlBytesMax += 1
      const sentence = `more than ${controlBytesMax} bytes of commands (limits.controlBytesMax)`
      return new NotAdmitted('refused', QUOTA_EXCEEDED, sentence)
    }
    if (this.#waiting.length >= controlWaitingMax || this.#isClosed) {
      statistics.limited.controlWaitingMax += 1
      const sentence = `${controlWaitingMax} messages of commands wait (limits.controlWaitingMax)`
      return new NotAdmitted('no-room', QUOTA_EXCEEDED, sentence)
    }
    const peer = sessions.holderOf(clientId)?.peer
    if (peer === undefined) return null
    // The bytes of the packet are lent.
    this.#waiting.push({ payload: Buffer.from(payload), clientId, peer })
    this.#working ??= this.#work()
    return null
  }

  /** Resolves when what has begun is done. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#waiting.length = 0
    await this.#working
  }

  async #work(): Promise<void> {
    for (let request = this.#waiting.shift(); request; request = this.#waiting.shift()) {
      try {
        await this.#serve(request)
      } catch (error) {
        this.#known = null
        this.#failed(error)
        this.#answer(request, JSON.stringify({ responses: [INTERNAL_ERROR] }))
      }
    }
    this.#working = null
  }

  async #serve(request: Request): Promise<void> {
    for (let tries = TRIES; ; tries--) {
      const batch = new SecurityBatch(request.payload)
      try {
        await this.#run(batch)
        if (batch.changed.length === 0) {
          this.#answer(request, batch.answer)
          return
        }
        const written = await this.#store()
        this.#log(request, batch)
        this.#apply(written, () => this.#answer(request, batch.answer))
        return
      } catch (error) {
        this.#known = null
        if (error instanceof Changed && tries > 1) continue
        if (!(error instanceof EditError || error instanceof Changed)) throw error
        this.#failed(error)
        batch.failed('Internal error: the file cannot be written')
        this.#answer(request, batch.answer)
        return
      }
    }
  }

  async #run(batch: SecurityBatch): Promise<void> {
    const { broker } = this.#parts.core
    const { dynamicSecurityNamesMax: namesMax } = broker.limits
    const document = await this.#document()
    let addresses: Map<string, string[]> | null = null
    const context = {
      document,
      namesMax,
      namesMaxReached: () => (broker.statistics.limited.dynamicSecurityNamesMax += 1),
      addressesOf: (username: string) => (addresses ??= this.#addresses()).get(username) ?? [],
    }
    // Loops wait on purpose: between two turns others are served.
    while (batch.run(context, COMMANDS_PER_TURN)) await nextTurn()
    if (batch.changed.length > 0) document.changeIndex += 1
    await hashAll(document.unhashed)
  }

  /** Returns what the file says now. */
  async #document(): Promise<SecurityDocument> {
    const { file } = this.#parts
    const bytes = readAccessFile(file)
    if (this.#known?.bytes.equals(bytes) !== true) {
      this.#known = { bytes, document: await readDocument(bytes, file, new Slice()) }
    }
    return this.#known.document
  }

  async #store(): Promise<WrittenSecurity> {
    const known = this.#known
    if (known === null) throw new Changed()
    const { file } = this.#parts
    const written = await writtenSecurity(known.document, file, new Slice())
    const { bytes } = written
    if (bytes.length > ACCESS_FILE_BYTES_MAX) {
      throw new EditError(`${file} would have more than ${ACCESS_FILE_BYTES_MAX} bytes`)
    }
    const { mode } = statSync(file)
    await editFile(
      file,
      text => {
        if (!known.bytes.equals(Buffer.from(text))) throw new Changed(`${file} changes too often`)
        return bytes
      },
      mode & 0o777,
    )
    this.#known = { bytes, document: known.document }
    return written
  }

  /** The client that gives the commands may be one that loses its connection by them: it gets the answer first. */
  #apply(written: WrittenSecurity, answer: () => void): void {
    let isAnswered = false
    try {
      this.#parts.reload(() => {
        isAnswered = true
        answer()
      }, written)
    } catch (error) {
      // Another file of the access is wrong. The change is stored, and counts when that is mended.
      this.#failed(error)
      if (!isAnswered) answer()
    }
  }

  #addresses(): Map<string, string[]> {
    const { sessions } = this.#parts.core.broker
    const found = new Map<string, string[]>()
    for (const { clientId, rights } of sessions.all()) {
      const { username, address } = rights.identity
      const isOwn = realmOf(rights.identity) === this.#parts.realm
      if (username === null || !isOwn || sessions.holderOf(clientId) === null) continue
      const all = found.get(username)
      if (all === undefined) found.set(username, [address])
      else all.push(address)
    }
    return found
  }

  #answer({ clientId, peer }: Request, text: string): void {
    const { turn, broker } = this.#parts.core
    turn.begin()
    const session = broker.sessions.get(clientId)
    if (session === undefined || broker.sessions.holderOf(clientId)?.peer !== peer) return
    broker.publishing.answer(session, RESPONSE_TOPIC, Buffer.from(text))
  }

  #log({ clientId }: Request, { changed, refused }: SecurityBatch): void {
    const { core, log } = this.#parts
    const username = core.broker.sessions.get(clientId)?.rights.identity.username ?? null
    const commands = changed.slice(0, COMMANDS_LOGGED_MAX)
    log.info(
      {
        event: 'security.changed',
        clientId,
        username,
        commands,
        changes: changed.length,
        refused,
      },
      `${clientId} has changed the dynamic security`,
    )
  }

  #failed(error: unknown): void {
    const cause = thrownSentence(error)
    this.#parts.log.error(
      { event: 'security.failed', cause },
      'commands to $CONTROL were not carried out',
    )
  }
}

const INTERNAL_ERROR = { command: 'Unknown command', error: 'Internal error' }

/** One after the other: each takes a tenth of a second of a thread that others need too. */
async function hashAll(clients: readonly SecurityClient[]): Promise<void> {
  for (const client of clients) {
    if (!(client.password instanceof Buffer)) continue
    client.password = formatHash(await newPbkdf2Elsewhere(client.password))
  }
}
