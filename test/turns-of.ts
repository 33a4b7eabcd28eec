// Measures how many turns an action takes, and how many turns other clients wait.

import type { Pond } from './pond.ts'
import type { PondClient } from './pond-client.ts'

/** Turns until the other client has its PINGRESP, and until all that was said is done. */
export function turnsOf(
  pond: Pond,
  pinging: PondClient,
  talk: () => void,
): { readonly pingresp: number; readonly all: number } {
  const before = pond.turn.turns
  let pingresp = 0
  const write = pinging.wire.write.bind(pinging.wire)
  pinging.wire.write = bytes => {
    pingresp = pond.turn.turns - before
    return write(bytes)
  }
  pond.inOneTurn(() => {
    talk()
    pinging.pings()
  })
  return { pingresp, all: pond.turn.turns - before }
}
