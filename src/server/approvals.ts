// Lets a client in that was refused: makes its user, with a rule if there is one, in the files of users and rules.

import { existsSync } from 'node:fs'
import { readAccessFile } from '../access/access-file.ts'
import { editFile, EditError, endedLine } from '../access/edit-file.ts'
import { parseAclFile } from '../access/mosquitto/acl-file.ts'
import {
  type Approval,
  type ApprovedRule,
  AwaitedPasswords,
} from '../access/password/awaited-passwords.ts'
import { addUser, removeUser } from '../access/password/edit-password-file.ts'
import { newPbkdf2Elsewhere } from '../access/password/hashing.ts'
import { parsePasswordFile } from '../access/password/password-file.ts'
import { formatHash } from '../access/password/password-hash.ts'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'
import { thrownSentence } from '../thrown.ts'

interface Parts {
  readonly settings: Config['access']
  readonly awaited: AwaitedPasswords
  readonly log: Log
  /** Reads the files again. Throws AccessFileError. */
  readonly reload: () => void
}

export class Approvals {
  readonly #settings: Config['access']
  readonly #awaited: AwaitedPasswords
  readonly #log: Log
  readonly #reload: () => void
  /** The last user that is being made. */
  #last: Promise<unknown> = Promise.resolve()

  constructor({ settings, awaited, log, reload }: Parts) {
    this.#settings = settings
    this.#awaited = awaited
    this.#log = log
    this.#reload = reload
    awaited.make = (approval, password) => this.#makeLater(approval, password)
  }

  /** Returns why this cannot be done, or null. */
  problemWith({ username, rule }: Approval): string | null {
    const { usersFile, rulesFile } = this.#settings
    if (usersFile === undefined) {
      return 'there is no users file: set access.usersFile, and restart the broker'
    }
    if (isUserIn(usersFile, username)) {
      return `there is a user ${JSON.stringify(username)}: give it another password instead`
    }
    if (rule !== null && rulesFile === undefined) {
      return 'there is no rules file: set access.rulesFile, and restart, or give no rule'
    }
    return rule === null || isOneRule(username, rule)
      ? null
      : 'the rule cannot be written as a line of the rules file'
  }

  /** Makes the user with this password now, after those before. Throws EditError or AccessFileError, and then has made nothing. */
  async make(approval: Approval, password: Buffer): Promise<void> {
    const made = this.#last.then(() => this.#make(approval, password))
    this.#last = made.catch(() => {})
    await made
  }

  async #make(approval: Approval, password: Buffer): Promise<void> {
    const { username, rule } = approval
    const { usersFile = '', rulesFile } = this.#settings
    const hash = formatHash(await newPbkdf2Elsewhere(password))
    // Another approval may have made the user, who must not get this rule.
    const problem = this.problemWith(approval)
    if (problem !== null) throw new EditError(problem)
    const undo: Undo[] = []
    try {
      // Whoever has no user yet has nothing of a rule.
      if (rule !== null && rulesFile !== undefined) {
        undo.push(await appended(rulesFile, linesFor(username, rule)))
      }
      await addUser(usersFile, username, hash)
      undo.push(() => removeUser(usersFile, username))
      this.#reload()
    } catch (error) {
      throw await takenBack(undo.toReversed(), error)
    }
  }

  /** Waits for the password of the client's next try. Returns false when too many wait. */
  await(approval: Approval): boolean {
    if (!this.#awaited.add(approval)) return false
    const { clientId, username, address } = approval
    this.#log.info(
      { event: 'approval.waits', clientId, username, address },
      'the password of its next try will be that of a new user',
    )
    return true
  }

  get waiting(): readonly Approval[] {
    return this.#awaited.all
  }

  /** Returns false when there is none. */
  cancel(client: Omit<Approval, 'rule'>): boolean {
    return this.#awaited.remove(client)
  }

  async #makeLater(approval: Approval, password: Buffer): Promise<boolean> {
    const { clientId, username, address } = approval
    const fields = { clientId, username, address }
    try {
      await this.make(approval, password)
      this.#log.info(
        { event: 'approval.taken', ...fields },
        'a user was made with the password of this client',
      )
      return true
    } catch (error) {
      const cause = thrownSentence(error)
      this.#log.error(
        { event: 'approval.failed', ...fields, cause },
        'an approved user was not made',
      )
      return false
    }
  }
}

type Undo = () => Promise<void>

async function appended(file: string, lines: string): Promise<Undo> {
  let before = ''
  let after = ''
  await editFile(file, text => {
    before = text
    after = `${endedLine(text)}${lines}`
    return after
  })
  return () =>
    editFile(file, text => {
      if (text === after) return before
      throw new EditError(`${file} has changed meanwhile: remove ${JSON.stringify(lines)} from it`)
    })
}

/** Returns the error, or one that says what is still there as well. */
async function takenBack(undo: readonly Undo[], because: unknown): Promise<unknown> {
  const left: string[] = []
  for (const each of undo) {
    try {
      await each()
    } catch (error) {
      left.push(thrownSentence(error))
    }
  }
  if (left.length === 0) return because
  const sentence = `${thrownSentence(because)}. What was written before it could not be taken back`
  return new EditError(`${sentence}: ${left.join('; ')}`)
}

function isUserIn(file: string, username: string): boolean {
  return existsSync(file) && parsePasswordFile(readAccessFile(file), file).users.has(username)
}

function linesFor(username: string, { access, filter }: ApprovedRule): string {
  return `user ${username}\ntopic ${access} ${filter}\n`
}

/** Names and filters are of strangers: what is written must read as what was meant, and nothing else. */
function isOneRule(username: string, rule: ApprovedRule): boolean {
  try {
    const { lines } = parseAclFile(Buffer.from(linesFor(username, rule)), 'rule')
    const [line] = lines
    return (
      lines.length === 1 &&
      line?.kind === 'topic' &&
      line.section.username === username &&
      line.section.clientId === null &&
      line.access === rule.access &&
      line.filter === rule.filter
    )
  } catch {
    return false
  }
}
