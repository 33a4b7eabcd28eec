// The reasons with which a broker may refuse or end a connection.

/** Session taken over, keep-alive, the broker stops, an administrator. */
const ENDS: ReadonlySet<number> = new Set([0x8e, 0x8d, 0x8b, 0x98])
/** Server busy. */
const BUSY: ReadonlySet<number> = new Set([0x89, 0x88])

/** Whether a broker may end a connection with this reason in any world. */
export function mayEndAny(reason: number): boolean {
  return ENDS.has(reason)
}

/** Whether CONNECT may be refused with this in the world: clients of MQTT 3 read 0x89 as 0x88. */
export function mayRefuse(world: { mayEndWith(reason: number): boolean }, reason: number): boolean {
  return world.mayEndWith(reason) || BUSY.has(reason)
}
