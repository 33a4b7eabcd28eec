// Runs callbacks once per iteration of the event loop, after all sockets were read, so that answers are sent together.

export interface Beating {
  beat(): void
}

export class Pulse {
  #waiting: Beating[] = []
  #isSet = false
  readonly #fire = (): void => this.#beatAll()

  /** The caller must ask only once per iteration. */
  attend(who: Beating): void {
    this.#waiting.push(who)
    if (this.#isSet) return
    this.#isSet = true
    setImmediate(this.#fire)
  }

  #beatAll(): void {
    this.#isSet = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const who of waiting) who.beat()
  }
}
