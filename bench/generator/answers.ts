// The acknowledgements of one client, sent together once per iteration of the event loop.

import type { Client } from './client.ts'
import type { Beating, Pulse } from './pulse.ts'

const FIRST_BYTES = 256

export const PUBACK_BYTE = 0x40
export const PUBREC_BYTE = 0x50
export const PUBREL_BYTE = 0x62
export const PUBCOMP_BYTE = 0x70

export class Answers implements Beating {
  readonly #client: Client
  readonly #pulse: Pulse
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #filled = 0

  constructor(client: Client, pulse: Pulse) {
    this.#client = client
    this.#pulse = pulse
  }

  add(first: number, idHigh: number, idLow: number): void {
    if (this.#filled === 0) this.#pulse.attend(this)
    if (this.#filled + 4 > this.#bytes.length) this.#grow()
    const at = this.#filled
    this.#bytes[at] = first
    this.#bytes[at + 1] = 2
    this.#bytes[at + 2] = idHigh
    this.#bytes[at + 3] = idLow
    this.#filled = at + 4
  }

  beat(): void {
    const wasTaken = this.#client.write(this.#bytes.subarray(0, this.#filled))
    if (!wasTaken) this.#bytes = Buffer.allocUnsafeSlow(this.#bytes.length)
    this.#filled = 0
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.#bytes.length * 2)
    larger.set(this.#bytes.subarray(0, this.#filled))
    this.#bytes = larger
  }
}
