// A wire over a stream of an embedding program, or of the broker itself.

import type { Duplex } from 'node:stream'
import { ContainedWire } from '../transport/contained-wire.ts'
import { streamWire } from '../transport/stream-wire.ts'
import type { Peer, Wire } from '../transport/wire.ts'

const UNKNOWN_PEER: Peer = {
  address: '',
  port: 0,
  transport: 'stream',
  listener: 'stream',
  certificate: null,
}

/** `failed` is called with an exception of the stream, which ends only its connection. */
export function wireOver(
  stream: Duplex,
  peer: Partial<Peer>,
  failed: (error: unknown) => void,
): Wire {
  return new ContainedWire(streamWire(stream, { ...UNKNOWN_PEER, ...peer }), failed)
}
