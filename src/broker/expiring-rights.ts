// Permissions that hold for a time only, such as those of a token. At their end a connected client is disconnected, and a
// client that is away has no permissions until it authenticates again.

import { NOTHING } from '../access/permissions.ts'
import { NOT_AUTHORIZED } from '../packet/reason.ts'
import type { Session } from '../session/session.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { Sessions } from './sessions.ts'

/** The part of the broker that is used here. */
interface RightsKeeper {
  readonly now: number
  readonly deadlines: Deadlines
  readonly sessions: Sessions
}

class RightsEnd implements Deadline {
  place: Deadline['place'] = undefined
  readonly #session: Session
  readonly #ended: (session: Session) => void

  constructor(session: Session, ended: (session: Session) => void) {
    this.#session = session
    this.#ended = ended
  }

  expired(): void {
    this.#ended(this.#session)
  }
}

export class ExpiringRights {
  readonly #keeper: RightsKeeper
  /** At most one for each session. */
  readonly #ends = new Map<Session, RightsEnd>()

  constructor(keeper: RightsKeeper) {
    this.#keeper = keeper
  }

  /** Sets how long the permissions of the session hold from now. Null: they do not end by themselves. */
  set(session: Session, validForMs: number | null): void {
    if (validForMs === null && this.#ends.size === 0) return
    const { deadlines, now } = this.#keeper
    const known = this.#ends.get(session)
    if (validForMs === null) {
      if (known === undefined) return
      this.#ends.delete(session)
      deadlines.clear(known)
      return
    }
    const end = known ?? new RightsEnd(session, ended => this.#end(ended))
    this.#ends.set(session, end)
    deadlines.set(end, now + validForMs)
  }

  /** A will without delay is published before the permissions end; a delayed one is not published any more. */
  #end(session: Session): void {
    this.#ends.delete(session)
    const { sessions } = this.#keeper
    sessions
      .holderOf(session.clientId)
      ?.disconnect(NOT_AUTHORIZED, 'its authentication has expired')
    session.rights.grant(NOTHING)
  }
}
