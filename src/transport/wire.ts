// What the broker needs of a socket, whatever it is made of: TCP, TLS, WebSocket, or a stream that an embedder hands in.

import type { LentBytes } from '../packet/lent-bytes.ts'

export type TransportName = 'tcp' | 'tls' | 'ws' | 'wss' | 'unix' | 'stream'

/** Who is at the other end. */
export interface Peer {
  /** The client's own address: the one that PROXY protocol told, where it did. Empty for a stream without one. */
  readonly address: string
  readonly port: number
  readonly transport: TransportName
  /** The name of the listener that accepted it, for logs: `mqtt://127.0.0.1:1883`. */
  readonly listener: string
  /** Subject of the verified client certificate, when TLS asked for one. */
  readonly certificate: { readonly commonName: string; readonly fingerprint: string } | null
}

/**
 * What a wire that takes late may have pending and still keep up. Such a wire (TLS, a stream of an embedder) tells only in a
 * later event that the system has taken what it was given, however fast the client reads.
 */
export const LATE_BYTES_MAX = 65_536

/**
 * Whoever a wire speaks to. Nothing is called from within a call of the wire but `closed` from within `open`, when it was
 * closed before; nothing after `closed`; and nothing but `closed` after `destroy`.
 */
export interface WireReceiver {
  /**
   * Bytes, in order. The chunk is lent: its memory is written to again after this has returned. What was on its way
   * may still come after `pause`, at most what one read of the socket brought. What comes after `end` is of no use to anybody: it may be brought or not.
   */
  received(chunk: LentBytes): void
  /** Bytes have come that are a part of something larger, which is received when it is whole: the client is not silent. */
  heard?(): void
  /**
   * The system has taken what was pending, or some of it: `pendingBytes` tells what is left. After every write that left
   * something pending, however little, this is called in a later event, at the latest when nothing is pending any more.
   * It may be called when nobody waits for it.
   */
  drained(): void
  /** Called once, whatever ended it. `cause` is a sentence for the log, or null for an orderly end by the peer. */
  closed(cause: string | null): void
}

export interface Wire {
  readonly peer: Peer
  /** Starts the flow of bytes to `receiver`. Called once. */
  open(receiver: WireReceiver): void
  /**
   * Hands bytes to the system in one call. True when it has copied them all, so that the caller may use the memory
   * again and nothing of them is pending; otherwise the caller does not touch them any more. On a wire that is
   * ending or closed it does nothing.
   */
  write(bytes: Uint8Array): boolean
  /** The same for several pieces, in order, with as few calls of the system as it takes. */
  writeMany(pieces: readonly Uint8Array[]): boolean
  /**
   * Bytes handed over that the system has not taken yet, with what the transport adds to them. A wire that takes at once has
   * some only while the system has no room; one that takes late has some after each write.
   */
  readonly pendingBytes: number
  /** The system keeps up with what it is given. While this is false something is pending, so `drained` will come. */
  readonly isFlowing: boolean
  pause(): void
  resume(): void
  /** Sends what was written, then closes; a client that does not take it is not waited for longer than `CLOSE_MS_MAX`. */
  end(): void
  /** Closes at once: what is pending is lost. */
  destroy(): void
}

/** How long a client may take to read our last words. */
export const CLOSE_MS_MAX = 2_000
/**
 * Listens to the errors of a socket from its first moment to its last, whoever else has it meanwhile: what ends it comes
 * as its 'close', and an error that nobody listens to would end the process.
 */
export function ignored(): void {}

/** Whoever a listener has brought a wire to. */
export interface Arrived {
  /** CONNECT was read: the client is no stranger any more, whatever is answered. */
  readonly hasConnect: boolean
}

/** Where listeners bring what they have accepted; null where nobody took it. */
export type Arrival = (wire: Wire) => Arrived | null
