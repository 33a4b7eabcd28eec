// The other partitions, as the parts of a broker see them. A broker that is alone has none: its field is null.

export interface Peers {
  /** Whether all filters of the others are known. Before that nobody is admitted and nothing is due: a message might be owed to nobody. */
  readonly isComplete: boolean
  /** Calls back when the others have the filters that were subscribed so far, or have not answered for too long. */
  whenTold(answer: () => void): void
}
