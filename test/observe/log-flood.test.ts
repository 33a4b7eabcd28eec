// A log that nobody reads: floods that would fill it delay no client, and what is left out is counted.

import { type Test, test } from 'tap'
import { BrokerProcess, RawClient, type Reader } from './broker-process.ts'
import { flooded, REFUSED, WITHOUT_RATES } from './publish-flood.ts'

/** A broker after a flood, how long that took, and how often a victim's ping was answered meanwhile. */
async function sufferedUnder(t: Test, reader: Reader) {
  const listeners = [{ port: 0 }, { protocol: 'ws', port: 0 }]
  const broker = await BrokerProcess.started(t, { listeners, log: WITHOUT_RATES })
  const victim = new RawClient(broker.ports[0] ?? 0)
  t.teardown(() => victim.socket.destroy())
  await victim.connects('victim')
  broker.logged(reader)
  let pings = 0
  let isOver = false
  const suffering = (async () => {
    for (; !isOver; pings++) await victim.pings(1)
  })()
  const startedAt = performance.now()
  await flooded(broker)
  const milliseconds = performance.now() - startedAt
  isOver = true
  await suffering
  await victim.pings(10)
  return { broker, milliseconds, pings }
}

test('a flood of refused publishes takes a victim no longer, however the log is read, and what it misses is counted to the line', async t => {
  const read = await sufferedUnder(t, 'reads')
  await read.broker.stops()

  for (const reader of ['is slow', 'has stopped', 'is gone'] as const) {
    await t.test(`the reader ${reader}`, async t => {
      const { broker, milliseconds, pings } = await sufferedUnder(t, reader)
      t.ok(milliseconds < 20 * read.milliseconds, `${milliseconds} ms, ${read.milliseconds} read`)
      t.ok(20 * (pings + 1) > read.pings, `${pings} pings, ${read.pings} read`)
      const answer = await fetch(`http://127.0.0.1:${broker.ports[1]}/api/v1/status`)
      const status = (await answer.json()) as { readonly logLinesLeftOut: number }
      t.ok(status.logLinesLeftOut > REFUSED / 2, `${status.logLinesLeftOut} lines`)

      if (reader !== 'is gone') {
        broker.logged('reads')
        await broker.prints(lines => lines.some(({ event }) => event === 'log.left-out'))
      }
      t.equal(await broker.stops(), 0)

      if (reader === 'is gone') return
      // Two clients came and went.
      t.equal(broker.linesOfClients + broker.linesLeftOut, REFUSED + 4)
      t.match(
        broker.lines.find(({ event }) => event === 'log.left-out')?.msg,
        /^\d+,\d{3} lines were left out: whoever reads the log is too slow$/,
      )
    })
  }
})
