// Checks Session Present: it is true exactly when a session was acknowledged before and has not ended since.

import type { ConnectingEvent, LoggedEvent } from '../event.ts'
import type { Report } from './finding.ts'

type Knowledge = 'none' | 'exists' | 'unsure'

interface ClientSession {
  knowledge: Knowledge
  expected: boolean | null
  isDurable: boolean
}

export class SessionCheck {
  readonly #sessions = new Map<string, ClientSession>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  see(event: LoggedEvent): void {
    if (event.kind === 'connecting') this.#connecting(event)
    else if (event.kind === 'connected') this.#connected(event.client, event.sessionPresent)
    else if (event.kind === 'disconnecting' && event.endsSession) {
      // DISCONNECT has no acknowledgement: whether the broker received it before the kill is unknown.
      this.#sessionOf(event.client).knowledge = 'unsure'
    }
  }

  #connecting({ client, cleanStart, isDurable }: ConnectingEvent): void {
    const session = this.#sessionOf(client)
    const { knowledge } = session
    session.isDurable = isDurable
    session.expected = cleanStart ? false : knowledge === 'unsure' ? null : knowledge === 'exists'
    // Before CONNACK only this is certain: a session that existed, and was not asked to end, is there.
    if (cleanStart || knowledge !== 'exists') session.knowledge = 'unsure'
  }

  #connected(client: string, sessionPresent: boolean): void {
    const session = this.#sessionOf(client)
    const { expected } = session
    if (expected !== null && expected !== sessionPresent) {
      const truth = expected ? 'its session was acknowledged before' : 'it can have no session'
      this.#report(
        'session-lie',
        `${client} received Session Present ${sessionPresent}, but ${truth}`,
      )
    }
    session.knowledge = session.isDurable ? 'exists' : 'none'
  }

  #sessionOf(client: string): ClientSession {
    let session = this.#sessions.get(client)
    if (session === undefined) {
      session = { knowledge: 'none', expected: null, isDurable: false }
      this.#sessions.set(client, session)
    }
    return session
  }
}
