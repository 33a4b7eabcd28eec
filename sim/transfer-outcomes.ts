// What one client was told on `$tx/outcome`, compared with the answers to its commits: each is told once, and the same.

import type { History } from './history.ts'
import type { TransferOracle } from './transfer-oracle.ts'

/** By so much of its payload the broker's report of a drop is known. */
const ID_CHARACTERS = 16

export class TransferOutcomes {
  readonly #clientId: string
  readonly #history: History
  readonly #oracle: TransferOracle
  /** By transaction and outcome on this connection: how many answers there were more than outcomes. */
  readonly #owed = new Map<string, number>()

  constructor(clientId: string, history: History, oracle: TransferOracle) {
    this.#clientId = clientId
    this.#history = history
    this.#oracle = oracle
  }

  /** A commit or prepare was answered; the outcome may have come before. */
  expects(id: string, outcome: 'committed' | 'prepared' | 'refused'): void {
    this.#add(id, outcome, 1)
  }

  told(text: string): void {
    const { id, outcome } = JSON.parse(text) as { readonly id: string; readonly outcome: string }
    if (outcome !== 'aborted') this.#add(id, outcome, -1)
  }

  /** The connection is lost, and what was on its way. */
  forgets(): void {
    this.#owed.clear()
  }

  judge(): void {
    for (const [key, count] of this.#owed) {
      const [id = ''] = key.split(' ')
      const begin = JSON.stringify({ id, outcome: '' }).slice(0, ID_CHARACTERS)
      if (count === 0 || this.#history.wasDropped(this.#clientId, { id: begin })) continue
      const what = count > 0 ? 'was not told' : 'was told without an answer'
      this.#oracle.violation(`${this.#clientId} ${what} that ${key}`)
    }
  }

  #add(id: string, outcome: string, more: number): void {
    const key = `${id} ${outcome}`
    this.#owed.set(key, (this.#owed.get(key) ?? 0) + more)
  }
}
