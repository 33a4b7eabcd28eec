// Once in each iteration of the event loop, after all that came was read: what is to be sent is sent together.

export interface Beating {
  beat(): void
}

export class Pulse {
  #waiting: Beating[] = []
  #isSet = false
  readonly #fire = (): void => this.#beatAll()

  /** The one who asks sees to it that it asks once. */
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
