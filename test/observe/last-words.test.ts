import { test } from 'tap'
import { BrokerProcess } from './broker-process.ts'
import { flooded, REFUSED, WITHOUT_RATES } from './publish-flood.ts'

for (const reader of ['reads', 'has stopped', 'is gone'] as const) {
  test(`a fault of the broker ends it with its status when the reader of the log ${reader}`, async t => {
    const broker = await BrokerProcess.started(t, { listeners: [{ port: 0 }], log: WITHOUT_RATES })
    broker.logged(reader)
    await flooded(broker)

    t.equal(await broker.stops('SIGUSR2'), 70)

    if (reader === 'reads') {
      t.match(broker.lines.at(-1), { level: 'fatal', event: 'broker.fault', error: /on purpose/ })
      t.equal(broker.linesOfClients + broker.linesLeftOut, REFUSED + 2)
    }
  })
}
