// The port to a socket: TCP, TLS, WebSocket, or a stream of an embedding program.

import type { ClientCertificate } from '../access/access.ts'
import type { PreSharedKey } from '../access/psk-file.ts'
import { type Admittance, AT_ONCE } from '../connection/connection-context.ts'
import type { ListenerTerms } from '../connection/negotiated-limits.ts'
import type { LentBytes } from '../packet/lent-bytes.ts'

export type TransportName = 'tcp' | 'tls' | 'ws' | 'wss' | 'unix' | 'stream'

/** The peer of a wire. */
export interface Peer {
  /** The client's address, from the PROXY protocol if it is used. Empty for a stream without an address. */
  readonly address: string
  readonly port: number
  readonly transport: TransportName
  /** The name of the listener that accepted it, for logs: `mqtt://127.0.0.1:1883`. */
  readonly listener: string
  /** Whether the listener refuses clients without a user name. Left out: no. */
  readonly requiresUser?: boolean
  /** Left out: the listener asks for nothing special. */
  readonly terms?: ListenerTerms
  /** Subject of the verified client certificate, when TLS asked for one. */
  readonly certificate: ClientCertificate | null
  /** The key that the client has proved in the TLS handshake. Left out or null: none. */
  readonly psk?: PreSharedKey | null
}

/**
 * How many bytes a wire that takes late may have pending and still count as keeping up. Such a wire (TLS, a stream of an embedding
 * program) reports only in a later event that the system has taken the bytes, however fast the client reads.
 */
export const LATE_BYTES_MAX = 65_536

/**
 * The receiver of a wire's events. A wire never calls it from within a call of the wire, except `closed` from within `open` when it
 * was closed before. It calls nothing after `closed`, and nothing but `closed` after `destroy`.
 */
export interface WireReceiver {
  /**
   * Bytes, in order. The chunk is lent: its memory is reused after this has returned. After `pause` bytes of at most one read of the
   * socket may still come. Bytes that arrive after `end` may be passed on or not.
   */
  received(chunk: LentBytes): void
  /** Part of a message has arrived, which is received when it is complete: the client is not silent. */
  heard?(): void
  /** So many bytes are kept of a message that is not complete; 0: none any more. */
  kept?(bytes: number): void
  /**
   * The system has taken pending bytes; `pendingBytes` is what is left. After every write that left bytes pending, however
   * few, this is called in a later event, at the latest when nothing is pending. It may be called when nobody waits for it.
   */
  drained(): void
  /** Is called once, at the end of the wire. `cause` is a sentence for the log, or null for an orderly end by the peer. */
  closed(cause: string | null): void
}

export interface Wire {
  readonly peer: Peer
  /** Starts the flow of bytes to `receiver`. Called once. */
  open(receiver: WireReceiver): void
  /**
   * Hands bytes to the system in one call. Returns true when they were copied, so that the caller may reuse the memory: they may be
   * pending still. Otherwise the caller must not change them any more. On a wire that is ending or closed it does nothing.
   */
  write(bytes: Uint8Array): boolean
  /** The same for several pieces, in order, with as few system calls as possible. */
  writeMany(pieces: readonly Uint8Array[]): boolean
  /**
   * The bytes that were handed over and not taken by the system yet, with the transport's own bytes. A wire that takes at once has
   * pending bytes only while the system has no room; one that takes late has some after each write.
   */
  readonly pendingBytes: number
  /**
   * The bytes of the write in progress that the system has not taken yet, where that is known; otherwise `pendingBytes`. It falls while
   * a client reads slowly, also long before a large write is done and `drained` is called.
   */
  readonly untakenBytes: number
  /** Whether the system takes bytes as fast as they are written. While it is false bytes are pending, so `drained` will be called. */
  readonly isFlowing: boolean
  /** Whether what is not pending any more was copied, so that its memory may be reused: streams of an embedding program may keep it. */
  readonly copies: boolean
  pause(): void
  resume(): void
  /** Sends all written bytes, then closes. It waits at most `CLOSE_MS_MAX` for a client that does not read. */
  end(): void
  /** Closes at once. Pending bytes are lost. */
  destroy(): void
  /** The same, and the system forgets the bytes that it has taken and not sent: the client gets a reset where the transport has one. */
  reset(): void
}

/** How long a client may take to read the last bytes. */
export const CLOSE_MS_MAX = 2_000
/**
 * An empty listener for the errors of a socket during its whole life. The end of a socket is handled by 'close', and an error
 * without a listener would end the process.
 */
export function ignored(): void {}

/** What the listener knows of a wire that it has accepted. */
export interface Acceptance extends Admittance {
  /** CONNECT was read: the connection does not count as a stranger any more, whatever the answer is. */
  readonly hasConnect: () => void
}

/** Takes an accepted wire. */
export type Arrival = (wire: Wire, acceptance: Acceptance) => void

/** For a wire that no listener has accepted. */
export const NO_LISTENER: Acceptance = { ...AT_ONCE, hasConnect: () => {} }
