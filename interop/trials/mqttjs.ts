// MQTT.js 5: bursts that do not look at the Receive Maximum, over TCP and WebSocket.

import mqtt from 'mqtt'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { assertEqual, type Ground, type Trial, within } from '../trial.ts'

const BURST = 5_000
const LARGE_BYTES = 10_000_000

export const mqttjs: readonly Trial[] = (['mqtt', 'ws'] as const).map(protocol => ({
  program: `MQTT.js over ${protocol === 'ws' ? 'WebSocket' : 'TCP'}`,
  what: `a burst of ${BURST} at QoS 1 and another at QoS 2, MQTT 5.0; a message of 10 MB`,
  version: async () => mqttVersion(),
  run: ground => within(120, burst(ground, protocol)),
}))

async function burst({ tcpPort, webSocketPort }: Ground, protocol: 'mqtt' | 'ws'): Promise<void> {
  const url = `${protocol}://127.0.0.1:${protocol === 'ws' ? webSocketPort : tcpPort}`
  const options = { protocolVersion: 5, reconnectPeriod: 0 } as const
  const reader = await mqtt.connectAsync(url, options)
  const writer = await mqtt.connectAsync(url, options)
  const heard: number[] = [0, 0, 0]
  reader.on('message', (_topic, payload, { qos }) => {
    heard[qos] = (heard[qos] ?? 0) + (payload.length > 100 ? BURST : 1)
  })
  await reader.subscribeAsync('burst/#', { qos: 2 })
  for (const qos of [1, 2] as const) {
    const all = Array.from({ length: BURST }, (_, index) =>
      writer.publishAsync(`burst/${qos}`, `${index}`, { qos }),
    )
    await Promise.all(all)
  }
  await writer.publishAsync('burst/large', Buffer.alloc(LARGE_BYTES), { qos: 0 })
  while (heard.join() !== [BURST, BURST, BURST].join()) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  assertEqual(writer.connected, true, 'the writer is connected')
  await Promise.all([reader.endAsync(), writer.endAsync()])
}

function mqttVersion(): string {
  const file = join(import.meta.dirname, '../../../node_modules/mqtt/package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
