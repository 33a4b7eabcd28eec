// The end of a PUBLISH with long user properties: these and the payload, as bytes that all receivers share. What differs between
// receivers is before it, so a hundred megabytes for a hundred receivers are neither made nor kept.

import type { Properties, UserProperty } from './packet.ts'
import { userPropertyBytes } from './properties.ts'
import { LARGE_BYTES_MIN } from './sizes.ts'

/** Keeps the last tail, because all receivers of a message follow each other. */
export class SharedTail {
  #userProperties: readonly UserProperty[] | null = null
  #payload: Buffer | null = null
  #bytes: Buffer | null = null

  /** Returns null if the user properties are short enough to be copied for each receiver. */
  of({ userProperties }: Properties, payload: Buffer): Buffer | null {
    if (userProperties === undefined) return null
    const isLast = this.#userProperties === userProperties && this.#payload === payload
    if (isLast) return this.#bytes
    this.#userProperties = userProperties
    this.#payload = payload
    this.#bytes = areLong(userProperties)
      ? Buffer.concat([userPropertyBytes(userProperties), payload])
      : null
    return this.#bytes
  }

  forget(): void {
    this.#userProperties = null
    this.#payload = null
    this.#bytes = null
  }
}

/** A character has one byte at least. */
function areLong(userProperties: readonly UserProperty[]): boolean {
  let characters = 0
  for (const [name, value] of userProperties) characters += name.length + value.length
  return characters >= LARGE_BYTES_MIN
}
