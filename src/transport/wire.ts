// What the broker needs of a socket, whatever it is made of: TCP, TLS, WebSocket, or a stream that an embedder hands in.

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

export interface WireReceiver {
  /** Bytes, in order. The chunk is lent: its memory is written to again after this has returned. */
  received(chunk: Buffer): void
  /** Bytes have come that are a part of something larger, which is received when it is whole: the client is not silent. */
  heard?(): void
  /** What was written has left this process; more may be written. */
  drained(): void
  /** Called once, whatever ended it. `cause` is a sentence for the log, or null for an orderly end by the peer. */
  closed(cause: string | null): void
}

export interface Wire {
  readonly peer: Peer
  /** Starts the flow of bytes to `receiver`. Called once. */
  open(receiver: WireReceiver): void
  /**
   * Hands bytes to the system in one call. True when it has copied them all, so that the caller may use
   * the memory again; otherwise the caller does not touch them any more.
   */
  write(bytes: Uint8Array): boolean
  /** The same for several pieces, in order, with as few calls of the system as it takes. */
  writeMany(pieces: readonly Uint8Array[]): boolean
  /** Bytes handed over that the system has not taken yet. */
  readonly pendingBytes: number
  pause(): void
  resume(): void
  /** Sends what was written, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

/**
 * Listens to the errors of a socket from its first moment to its last, whoever else has it meanwhile: what ends it comes
 * as its 'close', and an error that nobody listens to would end the process.
 */
export function ignored(): void {}

/** Where listeners bring what they have accepted. */
export type Arrival = (wire: Wire) => void
