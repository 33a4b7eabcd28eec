// A page in a real browser: MQTT.js over WebSocket in Debian's Chromium.

import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { launched } from '../dashboard/browser.ts'
import { brokerOnPort } from './programs.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const MQTT_JS = resolve(ROOT, 'node_modules/mqtt/dist/mqtt.min.js')

test('a page in Chromium publishes and hears over WebSocket', async t => {
  const { broker, port } = await brokerOnPort({
    listeners: [{ host: '127.0.0.1', port: 0, protocol: 'ws' }],
  })
  t.teardown(() => broker.close())
  const browser = await launched()
  t.teardown(() => browser.close())
  // The broker's own page: its policy runs no script but its own, which the test must get round.
  const page = await browser.newPage({ bypassCSP: true })
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.addScriptTag({ path: MQTT_JS })

  const heard = await page.evaluate(`new Promise((resolve, reject) => {
    const client = mqtt.connect('ws://127.0.0.1:${port}/mqtt', { protocolVersion: 5 })
    client.on('error', reject)
    client.on('message', (topic, payload) => {
      resolve(topic + ' ' + payload.toString())
      client.end()
    })
    client.subscribe('browser/#', { qos: 1 }, () => {
      client.publish('browser/hello', 'from a page', { qos: 1 })
    })
  })`)

  t.equal(heard, 'browser/hello from a page')
})
