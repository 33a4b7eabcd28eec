// A flood of refused publishes. Without rate limits each of them would be a line in the log.

import { once } from 'node:events'
import { type BrokerProcess, RawClient } from './broker-process.ts'

/** So that the pipe and the buffer are filled, and the rates do not help. */
export const WITHOUT_RATES = {
  repeatsMax: 1_000_000,
  addressLinesMax: 1_000_000,
  eventLinesMax: 1_000_000,
  bufferBytesMax: 65_536,
}

/** 12 bytes: a PUBLISH at QoS 0 to a topic of the broker's own. */
export const REFUSED_PUBLISH = '300a 0008 245359532f612f61'
export const REFUSED = 20_000

export async function flooded(broker: BrokerProcess): Promise<void> {
  const [port = 0] = broker.ports
  const alice = new RawClient(port)
  await alice.connects('alice')
  alice.says(REFUSED_PUBLISH.repeat(REFUSED))
  const gone = once(alice.socket, 'close')
  alice.says('e000')
  await gone
}
