// Every session by client id: opened, taken over, left behind, expired.

import { ChurnMap } from '../routing/churn-map.ts'
import type { Session } from '../session/session.ts'
import type { Deadline, Deadlines } from './deadlines.ts'

/** Who holds a session at the moment: a connection. */
export interface Occupant {
  /** Another connection came with the same client id: say so and close [MQTT-3.1.4-3]. */
  takenOver(): void
}

class Place implements Deadline {
  readonly session: Session
  occupant: Occupant | null = null
  readonly #sessionExpired: (session: Session) => void

  constructor(session: Session, sessionExpired: (session: Session) => void) {
    this.session = session
    this.#sessionExpired = sessionExpired
  }

  expired(): void {
    this.#sessionExpired(this.session)
  }
}

export class Sessions {
  readonly #places = new ChurnMap<string, Place>()
  readonly #deadlines: Deadlines
  readonly #expired: (session: Session) => void
  #occupied = 0

  constructor(deadlines: Deadlines, expired: (session: Session) => void) {
    this.#deadlines = deadlines
    this.#expired = expired
  }

  get count(): number {
    return this.#places.size
  }

  /** How many have their client here. */
  get connectedCount(): number {
    return this.#occupied
  }

  get(clientId: string): Session | undefined {
    return this.#places.get(clientId)?.session
  }

  *all(): Iterable<Session> {
    for (const place of this.#places.values()) if (place !== null) yield place.session
  }

  occupantOf(clientId: string): Occupant | null {
    return this.#places.get(clientId)?.occupant ?? null
  }

  add(session: Session): void {
    this.#places.set(session.clientId, new Place(session, this.#expired))
  }

  occupy(session: Session, occupant: Occupant): void {
    const place = this.#places.get(session.clientId)
    if (place === null || place.session !== session) return
    if (place.occupant === null) this.#occupied += 1
    place.occupant = occupant
    this.#deadlines.clear(place)
  }

  /** The client is away; its session ends at `expiresAt` milliseconds, Infinity for never. */
  vacate(session: Session, expiresAt: number): void {
    const place = this.#places.get(session.clientId)
    if (place === null || place.session !== session) return
    if (place.occupant !== null) this.#occupied -= 1
    place.occupant = null
    this.#deadlines.set(place, expiresAt)
  }

  remove(session: Session): void {
    const place = this.#places.get(session.clientId)
    if (place === null || place.session !== session) return
    if (place.occupant !== null) this.#occupied -= 1
    this.#deadlines.clear(place)
    this.#places.delete(session.clientId)
  }
}
