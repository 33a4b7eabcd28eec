// A broker over the store. It prints the number of each message when it has been acknowledged, until it is killed.

import { createBroker } from 'pondhawk'
import { LmdbStore } from '../lmdb-store.ts'

const broker = await createBroker({ store: new LmdbStore(process.argv[2] ?? ''), listeners: [] })
const away = await broker.connect({ clientId: 'away', sessionExpirySeconds: 3_600 })
await away.subscribe('numbers', { qos: 1 })
await away.end()
const publisher = await broker.connect({ clientId: 'publisher' })
for (let number = 0; ; number++) {
  await publisher.publish({ topic: 'numbers', payload: String(number), qos: 1 })
  process.stdout.write(`${number}\n`)
}
