// The next free packet identifier towards one client: they start at 1 and grow, as mosquitto's do.

const PACKET_ID_MAX = 65_535

/** The identifier after `last` that `taken` does not have, or 0 when all 65,535 are taken. */
export function nextPacketId(last: number, taken: { has(packetId: number): boolean }): number {
  let candidate = last
  for (let tried = 0; tried < PACKET_ID_MAX; tried++) {
    // 0 is not a packet identifier [MQTT-2.2.1-4].
    candidate = (candidate % PACKET_ID_MAX) + 1
    if (!taken.has(candidate)) return candidate
  }
  return 0
}
