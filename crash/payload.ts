// A payload contains the id of its message, and the id determines every byte: torn or mixed payloads are detected.

export interface MessageId {
  readonly publisher: string
  readonly sequence: number
}

export interface ReadPayload extends MessageId {
  readonly isIntact: boolean
}

const LARGE_BYTES = 20_000
const MIDDLE_BYTES = 3_000

export function payloadOf({ publisher, sequence }: MessageId): string {
  const size = fillingBytes(sequence)
  const word = `${publisher}-${sequence}.`
  return `${publisher} ${sequence} ${word.repeat(Math.ceil(size / word.length)).slice(0, size)}`
}

/** Returns null when the payload has no message id. */
export function readPayload(payload: string): ReadPayload | null {
  const [, publisher, digits] = /^(\S+) (\d+) /.exec(payload) ?? []
  if (publisher === undefined || digits === undefined) return null
  const id = { publisher, sequence: Number(digits) }
  return { ...id, isIntact: payload === payloadOf(id) }
}

/** A random size: mostly small, sometimes more than a page of the disk or more than one read of a socket. */
function fillingBytes(sequence: number): number {
  if (sequence % 97 === 0) return LARGE_BYTES + (sequence % 1_000)
  if (sequence % 23 === 0) return MIDDLE_BYTES + (sequence % 1_000)
  return sequence % 120
}
