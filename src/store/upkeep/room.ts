// The free space of a log device. Publishes are refused when it is less than the reserve.

import type { LogDevice } from '../log-device.ts'

/** The free space is checked again after this many bytes of log. */
const CHECK_BYTES = 1_048_576

export class Room {
  readonly #device: LogDevice
  readonly #reserveBytes: number
  #checkedAt = 0
  /** The free space when it was last checked. */
  bytes = Infinity
  /** Whether less than the reserve is free, or something was not done for lack of space since the last check. */
  isFull = false

  constructor(device: LogDevice, reserveBytes: number) {
    this.#device = device
    this.#reserveBytes = reserveBytes
  }

  /** Checks whether other programs have filled the disk or freed space. */
  look(): void {
    this.#checkedAt = this.#device.bytesAppended
    this.bytes = this.#device.freeBytes()
    this.isFull = this.bytes < this.#reserveBytes
  }

  /** Must be called after each frame. */
  appended(): void {
    if (this.#device.bytesAppended - this.#checkedAt >= CHECK_BYTES) this.look()
  }
}
