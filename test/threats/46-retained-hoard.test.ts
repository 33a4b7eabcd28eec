// Threat 46: retained messages have a bound, and a subscription to all of them delays nobody. Scale: 20,000 instead of a million.

import { test } from 'tap'
import { AttackedBroker } from './attacked-broker.ts'

const RETAINED_MAX = 20_000
const BEYOND = 50

test('retained messages beyond the limit are refused with 0x97, and all others reach a subscriber while clients go on', async t => {
  const limits = { retainedMessagesMax: RETAINED_MAX }
  const broker = await AttackedBroker.started(t, { limits })
  await broker.isWatched()
  const writer = await broker.client({ clientId: 'writer', protocolVersion: 5 })

  let last: Promise<unknown> = Promise.resolve()
  for (let index = 0; index < RETAINED_MAX; index++) {
    last = writer.publishAsync(`hoard/${index}`, 'x', { qos: 1, retain: true })
    if (index % 1_000 === 0) await last
  }
  await last
  for (let index = 0; index < BEYOND; index++) {
    const more = writer.publishAsync(`more/${index}`, 'x', { qos: 1, retain: true })
    await t.rejects(more, { code: 0x97 })
  }

  const readers = await Promise.all(
    [0, 1, 2].map(index => broker.listener({ clientId: `reader-${index}` })),
  )
  await Promise.all(readers.map(({ client }) => client.subscribeAsync('hoard/#', { qos: 1 })))
  for (const { client, heard } of readers) {
    while (heard.length < RETAINED_MAX)
      await new Promise(arrives => client.once('message', arrives))
    t.equal(new Set(heard).size, RETAINED_MAX)
    await client.endAsync()
  }

  await writer.endAsync()
  await broker.hasSurvived(t)
})
