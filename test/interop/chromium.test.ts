// Pages in a real browser: MQTT.js over WebSocket in Debian's Chromium.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { test } from 'tap'
import { launched } from '../dashboard/browser.ts'
import type { EmbeddedBroker } from '../../src/index.ts'
import { brokerOnPort } from './programs.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const MQTT_JS = resolve(ROOT, 'node_modules/mqtt/dist/mqtt.min.js')

let broker: EmbeddedBroker
let browser: Browser
let port = 0

test('a broker and a browser run', async () => {
  ;({ broker, port } = await brokerOnPort({
    listeners: [{ host: '127.0.0.1', port: 0, protocol: 'ws' }],
  }))
  browser = await launched()
})

/** Its policy runs no script but its own, which the test must get round. */
async function pageOfBroker(): Promise<Page> {
  const page = await browser.newPage({ bypassCSP: true })
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.addScriptTag({ path: MQTT_JS })
  return page
}

test('a page in Chromium publishes and hears over WebSocket', async t => {
  const page = await pageOfBroker()

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

test('the live page of the examples shows the last value of a flood, and is not flooded', async t => {
  const html = readFileSync(resolve(ROOT, 'examples/messaging/live.html'), 'utf8')
  const subscribed = new Promise<void>(settle => broker.addHook('onSubscribed', () => settle()))
  const page = await pageOfBroker()
  const here = html.replace('localhost:8083', `127.0.0.1:${port}`)
  await page.setContent(here.replace('<script src="mqtt.min.js"></script>', ''))
  await subscribed

  for (let value = 1; value <= 500; value++)
    await broker.publish({ topic: 'live/speed', payload: `${value}` })

  await page.waitForFunction(`document.querySelector('#speed').textContent === '500'`)
  const count = Number(await page.textContent('#count'))
  t.ok(count >= 2 && count < 50, `${count} messages`)
})

test('the broker and the browser end', async () => {
  await browser.close()
  await broker.close()
})
