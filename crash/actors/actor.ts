// Somebody who takes part: clients with habits.

export interface Actor {
  /** The broker takes connections on this port. */
  up(port: number): void
  /** Accounts are to be closed: no more new things; be there until all is settled. */
  settle(): void
  /** Settling is over: habits again. */
  resume(): void
  /** As far as this one is concerned, all is settled. */
  readonly isSettled: boolean
  /** Its work must not be cut by a kill at this moment. */
  readonly isBusy?: boolean
  stop(): void
}
