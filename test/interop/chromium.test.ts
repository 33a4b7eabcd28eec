// A page in a real browser: MQTT.js over WebSocket in Debian's Chromium.

import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import { test } from 'tap'
import { FIGURES } from '../../src/observe/status.ts'
import { brokerOnPort } from './programs.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const MQTT_JS = resolve(ROOT, 'node_modules/mqtt/dist/mqtt.min.js')

function launched(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

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

/** Contrast of each text with the nearest background behind it, as the browser has them (WCAG 2.1, 1.4.3). */
const CONTRASTS = `(() => {
  const numbers = color => (color.match(/[\\d.]+/g) ?? []).map(Number)
  const luminance = color => {
    const [r, g, b] = numbers(color).map(n => n / 255).map(n => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = element => {
    const color = getComputedStyle(element).backgroundColor
    const alpha = numbers(color)[3] ?? 1
    return alpha > 0 || element.parentElement === null ? color : behind(element.parentElement)
  }
  return [...document.querySelectorAll('body *')]
    .filter(each => each.tagName !== 'SCRIPT' && [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim() !== ''))
    .map(each => {
      const pair = [luminance(getComputedStyle(each).color), luminance(behind(each))].sort((a, b) => b - a)
      return { what: each.tagName + ' ' + each.textContent.slice(0, 20), contrast: (pair[0] + 0.05) / (pair[1] + 0.05) }
    })
})()`

test('the page shows what the status says, and every text can be read, light and dark', async t => {
  const { broker, port } = await brokerOnPort({
    listeners: [{ host: '127.0.0.1', port: 0, protocol: 'ws' }],
  })
  t.teardown(() => broker.close())
  await broker.publish({ topic: 'kept', payload: 'x', retain: true })
  const browser = await launched()
  t.teardown(() => browser.close())

  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme })
    await page.goto(`http://127.0.0.1:${port}/`)
    await page.waitForFunction(`document.getElementById('state').textContent === 'running'`)
    const directory = process.env['SCREENSHOTS']
    if (directory !== undefined) await page.screenshot({ path: `${directory}/${colorScheme}.png` })

    const texts = (await page.evaluate(CONTRASTS)) as { what: string; contrast: number }[]
    t.ok(texts.length > 25, `${texts.length} texts`)
    const faint = texts.filter(({ contrast }) => contrast < 4.5)
    t.strictSame(faint, [], colorScheme)
    for (const { name } of FIGURES) {
      const shown = await page.textContent(`#${name}`)
      t.match(shown, /^[\d,]+$/, name)
    }
    t.equal(await page.textContent('#retainedMessages'), '1')
    await page.close()
  }
})
