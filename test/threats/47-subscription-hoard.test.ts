// Threat 47: filters of one client have a bound, in many packets and in one. Scale: a bound of 1,000 instead of a million filters.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const FILTERS_MAX = 1_000
const FILTERS = 20_000
const QUOTA_EXCEEDED = 0x97

/** One SUBSCRIBE of 5.0 with all filters. */
function subscribe(prefix: string): Buffer {
  const filters = Array.from({ length: FILTERS }, (_, index) => {
    const filter = Buffer.from(`${prefix}${String(index).padStart(8, '0')}`)
    return Buffer.concat([Buffer.from([0, filter.length]), filter, Buffer.from([0])])
  })
  const body = Buffer.concat([Buffer.from([0, 1, 0]), ...filters])
  const length = [body.length & 0x7f, (body.length >> 7) & 0x7f, body.length >> 14]
  return Buffer.concat([
    Buffer.from([0x82, (length[0] ?? 0) | 0x80, (length[1] ?? 0) | 0x80, length[2] ?? 0]),
    body,
  ])
}

for (const prefix of ['f/', '$share/g/', '$share/g/f/+/']) {
  test(`a SUBSCRIBE of ${FILTERS} filters that begin with ${prefix} gets ${FILTERS_MAX} of them and delays nobody`, async t => {
    const limits = { subscriptionsPerClientMax: FILTERS_MAX }
    const broker = await AttackedBroker.started(t, { limits })
    await broker.isWatched()
    const before = (await broker.status()).subscriptions
    const socket = await RawSocket.connected(broker.port, 5)
    const { length } = socket.heard

    socket.socket.write(subscribe(prefix))
    // Header, identifier and properties, and one byte a filter.
    await socket.hears(length + 7 + FILTERS)

    const codes = socket.heard.subarray(length + 7)
    t.equal(codes.filter(code => code === 0).length, FILTERS_MAX)
    t.equal(codes.filter(code => code === QUOTA_EXCEEDED).length, FILTERS - FILTERS_MAX)
    t.equal((await broker.status()).subscriptions - before, FILTERS_MAX)
    socket.socket.destroy()
    await broker.hasSurvived(t)
  })
}
