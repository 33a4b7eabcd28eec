// A participant of a run: one or more clients with a behaviour.

export interface Actor {
  /** The broker accepts connections on this port. */
  up(port: number): void
  /** A check is coming: begins nothing new, and stays connected until all is settled. */
  settle(): void
  /** The check is over: resumes its behaviour. */
  resume(): void
  /** Whether everything is settled for this participant. */
  readonly isSettled: boolean
  /** Whether a kill must wait, because it would make the result ambiguous. */
  readonly isBusy?: boolean
  stop(): void
}
