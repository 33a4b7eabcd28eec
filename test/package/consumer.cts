// The same by require().

import pondhawk = require('pondhawk')

async function main(): Promise<void> {
  const broker: pondhawk.EmbeddedBroker = await pondhawk.createBroker({ limits: { receiveMax: 7 } })
  const heard: pondhawk.Message[] = []
  broker.subscribe('a', message => heard.push(message))
  const receivers: number = await broker.publish({ topic: 'a', payload: 'x' })
  const store: pondhawk.MemoryStore = new pondhawk.MemoryStore()
  console.log(receivers, heard.length, store.durability)
  await broker.close()
}

void main()
