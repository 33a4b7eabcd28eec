// A pond with users and rules as a configuration has them, which can change while it runs. Clients need no passwords here.

import type { Access } from '../../src/access/access.ts'
import { type AccessFiles } from '../../src/access/access-settings.ts'
import type { Identity } from '../../src/access/identity.ts'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../src/access/mosquitto/acl-rules.ts'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { parsePasswordFile } from '../../src/access/password/password-file.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { NOTHING } from '../../src/access/permissions.ts'
import { UsersAccess } from '../../src/access/users-access.ts'
import { reviewSessions } from '../../src/broker/review.ts'
import { BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED } from '../../src/packet/reason.ts'
import { Pond, type PondOptions } from '../pond.ts'

const HASH = formatHash(newPbkdf2(Buffer.from('x'), 1))

export interface RulesAndUsers {
  readonly rules: string
  readonly users: readonly string[]
}

export class RuledPond extends Pond {
  readonly #access: UsersAccess

  constructor(start: RulesAndUsers, options: PondOptions = {}) {
    const access = new UsersAccess(filesOf(start), 'everywhere')
    super({ ...options, access: withoutPasswords(access) })
    this.#access = access
    this.#review()
  }

  /** The files have changed, and are read anew. */
  changes(now: RulesAndUsers): void {
    this.#access.replace(filesOf(now))
    this.#review()
  }

  #review(): void {
    this.turn.begin()
    const gone = reviewSessions(this.broker, this.#access)
    for (const clientId of gone) {
      this.broker.sessions.holderOf(clientId)?.disconnect(NOT_AUTHORIZED, 'its user was removed')
    }
    this.settles()
  }
}

function filesOf({ rules, users }: RulesAndUsers): AccessFiles {
  const lines = users.map(name => `${name}:${HASH}`).join('\n')
  const file = parseAclFile(Buffer.from(rules), 'rules')
  return {
    users: parsePasswordFile(Buffer.from(lines), 'users'),
    rules: { book: new AclRules(file), count: file.lines.length, warnings: [] },
    warnings: [],
  }
}

/** A user name that exists is believed. */
function withoutPasswords(access: UsersAccess): Access {
  return {
    authenticate: ({ clientId, username, address }) => {
      const authentication = username === null ? 'none' : 'password'
      const identity: Identity = { clientId, username, address, authentication }
      if (access.isGone(identity)) {
        return { kind: 'refused', reason: BAD_USER_NAME_OR_PASSWORD, sentence: 'no such user' }
      }
      const permissions = access.permissionsOf(identity) ?? NOTHING
      return { kind: 'allowed', permissions, username, authentication }
    },
    beginExchange: () => null,
    permissionsOf: identity => access.permissionsOf(identity),
    authorRights: identity => access.authorRights(identity),
  }
}
