// Answers to PUBLISH that wait for the partition that keeps a retained message, and those behind them: a client is answered in the order
// of its messages [MQTT-4.6.0-2, MQTT-4.6.0-3].

import type { Peers } from '../broker/peers.ts'

interface LateAnswer {
  isReady: boolean
  readonly send: () => void
}

export class LateAnswers {
  readonly #peers: Peers
  #answers: LateAnswer[] = []
  #hasEnded = false

  constructor(peers: Peers) {
    this.#peers = peers
  }

  get count(): number {
    return this.#answers.length
  }

  /** `keptTopic`: of what was retained, otherwise null. */
  give(keptTopic: string | null, send: () => void): void {
    if (keptTopic === null && this.#answers.length === 0) {
      send()
      return
    }
    const answer = { isReady: true, send }
    this.#answers.push(answer)
    const isKept = keptTopic === null || !this.#peers.whenKept(keptTopic, () => this.#kept(answer))
    answer.isReady = isKept
    if (isKept) this.#sendReady()
  }

  /** The connection is gone. */
  end(): void {
    this.#answers = []
    this.#hasEnded = true
  }

  #kept(answer: LateAnswer): void {
    answer.isReady = true
    if (!this.#hasEnded) this.#sendReady()
  }

  #sendReady(): void {
    while (this.#answers[0]?.isReady === true) this.#answers.shift()?.send()
  }
}
