// The frames between the core's process and a front end: length, kind, connection, body.

/** A length of 4 bytes, a kind of 1 and a connection of 6. */
export const HEADER_BYTES = 11

/** The largest body of bytes. Larger writes are several frames. */
export const BODY_BYTES_MAX = 262_144
/** The largest body of text: what is known of a peer, or a line of the log. */
const TEXT_BYTES_MAX = 65_536

// From the core to a front end.

/** The last piece, or the only one, of what is written in one call. */
export const WRITE = 1
/** A piece of what is written in one call. More of the same connection follow. */
export const WRITE_PART = 2
/** Bytes for several connections, until the turn ends. They are numbered from 0 in each turn. */
export const SHARED = 3
/** As `WRITE` and `WRITE_PART`, of bytes that were shared before: the body is their number. */
export const WRITE_SHARED = 4
export const WRITE_SHARED_PART = 5
export const PAUSE = 6
export const RESUME = 7
export const END = 8
export const DESTROY = 9
export const RESET = 10
/** The client may go on behind its PROXY header. */
export const GO_ON = 11
/** The turn with this number, in place of a connection, has ended. `TAKEN` may wait until there is something else to say. */
export const TURN = 12
/** The same, and `TAKEN` is waited for. */
export const TURN_TO_ANSWER = 13

// From a front end to the core.

export const OPENED = 32
export const BYTES = 33
/** Part of a message has arrived. */
export const HEARD = 34
/** The body is how many bytes are kept of a message that is not complete. */
export const KEPT = 44
/** The client takes no more; the body is what was not taken. */
export const SLOW = 35
export const FLOWS = 36
/** The body is the cause, empty for none. */
export const CLOSED = 37
/** All that was written up to the turn with this number, in place of a connection, is taken, but for connections that are slow. */
export const TAKEN = 38
/** A PROXY header has named the client. */
export const NAMED = 39
/** The first bytes have come, before the connection was opened. */
export const SPOKE = 40
export const REFUSED = 41
/** A line for the log. */
export const LINE = 42
export const FIGURES = 43

/** The largest body of each kind of frame. */
export type Bounds = ReadonlyMap<number, number>

export const TO_FRONT_END: Bounds = new Map([
  [WRITE, BODY_BYTES_MAX],
  [WRITE_PART, BODY_BYTES_MAX],
  [SHARED, BODY_BYTES_MAX],
  [WRITE_SHARED, 4],
  [WRITE_SHARED_PART, 4],
  [PAUSE, 0],
  [RESUME, 0],
  [END, 0],
  [DESTROY, 0],
  [RESET, 0],
  [GO_ON, 0],
  [TURN, 0],
  [TURN_TO_ANSWER, 0],
])

export const TO_CORE: Bounds = new Map([
  [OPENED, TEXT_BYTES_MAX],
  [BYTES, BODY_BYTES_MAX],
  [HEARD, 0],
  [KEPT, 4],
  [SLOW, 4],
  [FLOWS, 0],
  [CLOSED, TEXT_BYTES_MAX],
  [TAKEN, 0],
  [NAMED, TEXT_BYTES_MAX],
  [SPOKE, 0],
  [REFUSED, TEXT_BYTES_MAX],
  [LINE, TEXT_BYTES_MAX],
  [FIGURES, TEXT_BYTES_MAX],
])

const TWO_TO_32 = 4_294_967_296

export function writeHeader(
  memory: Buffer,
  at: number,
  { kind, connection, length }: { kind: number; connection: number; length: number },
): void {
  memory.writeUInt32LE(length, at)
  memory[at + 4] = kind
  memory.writeUInt32LE(connection % TWO_TO_32, at + 5)
  memory.writeUInt16LE(Math.floor(connection / TWO_TO_32), at + 9)
}

export function connectionIn(memory: Buffer, at: number): number {
  return memory.readUInt32LE(at + 5) + memory.readUInt16LE(at + 9) * TWO_TO_32
}
