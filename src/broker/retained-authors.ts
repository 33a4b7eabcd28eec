// Decides whether the publisher of a retained message may still publish there, when the message is to be delivered.

import type { Identity } from '../access/identity.ts'
import type { Permissions } from '../access/permissions.ts'
import type { Message } from '../message.ts'
import type { Faults } from './faults.ts'
import type { Sessions } from './sessions.ts'

/** Returns null if nothing is known of this publisher. */
export type AuthorRights = (identity: Identity) => Permissions | null

export class RetainedAuthors {
  readonly #rightsOf: AuthorRights
  readonly #sessions: Sessions
  readonly #faults: Faults

  constructor(rightsOf: AuthorRights, sessions: Sessions, faults: Faults) {
    this.#rightsOf = rightsOf
    this.#sessions = sessions
    this.#faults = faults
  }

  /** Messages of the embedding program, and those that were stored before publishers were kept, have no author. */
  mayStillPublish(message: Message): boolean {
    const { author, publisher: clientId, topic } = message
    if (author === null || author === undefined || clientId === null) return true
    const identity = { ...author, clientId }
    const permissions = this.#rightsOf(identity) ?? this.#rightsOfSession(identity)
    return (
      permissions === null || this.#faults.mayPublish({ permissions, clientId }, topic, message)
    )
  }

  /** Tokens say what their user may: the newest one is that of its session. */
  #rightsOfSession({ clientId, username }: Identity): Permissions | null {
    const rights = this.#sessions.get(clientId)?.rights
    return rights?.identity.username === username ? rights.permissions : null
  }
}
