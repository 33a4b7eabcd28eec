// Debian's prometheus-mqtt-exporter: Paho for Go.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, Program } from '../../test/interop/programs.ts'
import { debianVersion } from '../programs.ts'
import { assertEqual, type Ground, type Trial, within } from '../trial.ts'

export const prometheusExporter: readonly Trial[] = [
  {
    program: 'prometheus-mqtt-exporter (Paho for Go)',
    what: 'a reading that is published stands in its metrics',
    version: () => debianVersion('prometheus-mqtt-exporter'),
    run: ground => within(60, exchange(ground)),
  },
]

async function exchange({ broker, directory, tcpPort }: Ground): Promise<void> {
  const config = join(directory, 'exporter.yaml')
  writeFileSync(
    config,
    `mqtt:
  server: tcp://127.0.0.1:${tcpPort}
  topic_path: sensors/+
  qos: 1
metrics:
  - prom_name: temperature
    mqtt_name: temperature
    help: a reading
    type: gauge
`,
  )
  const port = await freePort()
  const subscribed = new Promise<void>(resolve => broker.on('subscribed', () => resolve()))
  const listen = ['-listen-address', '127.0.0.1', '-listen-port', `${port}`]
  const program = new Program('prometheus-mqtt-exporter', ['-config', config, ...listen])
  try {
    await subscribed
    void broker.publish({ topic: 'sensors/pond', payload: '{"temperature": 7.5}', qos: 1 })
    let metrics = ''
    while (!metrics.includes('temperature{')) {
      await new Promise(resolve => setTimeout(resolve, 100))
      metrics = await fetch(`http://127.0.0.1:${port}/metrics`).then(
        response => response.text(),
        () => '',
      )
    }
    assertEqual(/temperature\{.*\} 7\.5/.test(metrics), true, 'the reading')
  } finally {
    await program.killed()
  }
}
