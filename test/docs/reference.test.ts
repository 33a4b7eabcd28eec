// The reference pages are what the tables of the code print, and what pages say of metrics and configurations of other programs is so.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import mqtt from 'mqtt'
import { test } from 'tap'
import { parse } from 'yaml'
import { createBroker } from '../../src/index.ts'
import { observabilityPages, sysTopics } from '../../src/server/print-observability.ts'
import { blocksOf, pages, ROOT, textOf } from './pages.ts'

test('the pages of metrics, $SYS, reason codes and limits are what the code prints: npm run reference', async t => {
  for (const [name, text] of Object.entries(observabilityPages())) {
    t.equal(readFileSync(resolve(ROOT, 'docs/reference', name), 'utf8'), text, name)
    t.notMatch(text, /undefined|\| \|\n/, name)
  }
  const [topics = ''] = textOf('docs/reference/sys-topics.md').split('## Loads')
  t.notMatch(topics, /\| {2}\|/, 'every topic has its meaning')
})

test('every metric that a page names is served', async t => {
  const known = textOf('docs/reference/metrics.md')
  const asMosquitto = new Set(
    [...sysTopics()].map(name => `broker_${name.replaceAll(/[/ .-]/g, '_')}`),
  )
  for (const page of pages().filter(name => name.startsWith('docs/how-to/'))) {
    for (const [name] of textOf(page).matchAll(/\bpondhawk_[a-z_]+\b/g))
      t.match(known, `\`${name}`, `${page}: ${name}`)
    for (const [name] of textOf(page).matchAll(/\bbroker_[a-z0-9_]+[a-z0-9]\b/g))
      t.ok(asMosquitto.has(name), `${page}: ${name}`)
  }
})

/** What each page has other programs connect with. */
interface Settings {
  readonly page: string
  readonly version: 4 | 5
  readonly username: string
}

function settingsOf(page: string, language: string): Record<string, unknown> {
  const code =
    blocksOf(page).find(({ marks, language: found }) => marks.has('of') && found === language)
      ?.code ?? ''
  if (language !== 'toml') return parse(code) as Record<string, unknown>
  const python = 'import json, sys, tomllib; print(json.dumps(tomllib.loads(sys.stdin.read())))'
  return JSON.parse(
    execFileSync('python3', ['-c', python], { input: code, encoding: 'utf8' }),
  ) as Record<string, unknown>
}

test('the settings for zigbee2mqtt, Node-RED, ESPHome and Telegraf are whole, and name the user that the rules know', async t => {
  const zigbee = settingsOf('docs/how-to/zigbee2mqtt.md', 'yaml')
  t.match(zigbee, {
    mqtt: { server: /^mqtt:\/\//, version: 5, user: 'zigbee2mqtt', base_topic: 'zigbee2mqtt' },
  })
  t.match(settingsOf('docs/how-to/node-red.md', 'json'), [
    { type: 'mqtt-broker', protocolVersion: '5', port: '1883' },
  ])
  t.match(settingsOf('docs/how-to/esphome-and-tasmota.md', 'yaml'), {
    mqtt: { broker: String, username: 'devices' },
  })
  t.match(settingsOf('docs/how-to/telegraf-and-grafana.md', 'toml'), {
    inputs: { prometheus: [{ urls: ['http://localhost:8083/metrics'] }] },
  })
})

const CLIENTS: readonly (Settings & {
  readonly publishes: readonly string[]
  readonly hears: readonly string[]
})[] = [
  {
    page: 'home-assistant',
    version: 5,
    username: 'homeassistant',
    publishes: ['homeassistant/status', 'zigbee2mqtt/lamp/set'],
    hears: ['zigbee2mqtt/lamp'],
  },
  {
    page: 'zigbee2mqtt',
    version: 5,
    username: 'zigbee2mqtt',
    publishes: ['zigbee2mqtt/bridge/devices', 'homeassistant/light/lamp/config'],
    hears: ['zigbee2mqtt/lamp/set', 'homeassistant/status'],
  },
  {
    page: 'esphome-and-tasmota',
    version: 4,
    username: 'devices',
    publishes: [
      'devices/livingroom/status',
      'stat/hall/POWER',
      'tele/hall/LWT',
      'tasmota/discovery/1/config',
    ],
    hears: ['cmnd/hall/POWER', 'homeassistant/status'],
  },
  {
    page: 'telegraf-and-grafana',
    version: 5,
    username: 'telegraf',
    publishes: [],
    hears: ['sensors/hall'],
  },
]

test('with the rules of these pages each program may do what it does, and nothing elsewhere', async t => {
  for (const { page, version, username, publishes, hears } of CLIENTS) {
    const path = `docs/how-to/${page}.md`
    const rules = blocksOf(path).find(({ language }) => language === 'acl')?.code ?? ''
    const broker = await createBroker({
      listeners: [{ host: '127.0.0.1', port: 0 }],
      access: { rules },
      hooks: { onAuthenticate: () => true },
    })
    const port = broker.listeners[0]?.port
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      username,
      protocolVersion: version,
      reconnectPeriod: 0,
    })
    const heard: string[] = []
    client.on('message', topic => heard.push(topic))
    const arrived: string[] = []
    broker.subscribe('#', ({ topic }) => arrived.push(topic))
    await client.subscribeAsync([...hears], { qos: 1 })
    for (const topic of [...publishes, 'elsewhere'])
      await client.publishAsync(topic, 'x', { qos: 1 }).catch(() => null)
    const mayElsewhere = page === 'home-assistant'
    t.strictSame(arrived, mayElsewhere ? [...publishes, 'elsewhere'] : [...publishes], page)
    heard.length = 0
    for (const topic of hears) await broker.publish({ topic, payload: 'x', qos: 1 })
    while (heard.length < hears.length) await new Promise(setImmediate)
    t.strictSame(heard, [...hears], page)
    await client.endAsync()
    await broker.close()
  }
})
