// What Prometheus reads at /metrics.

import mqtt from 'mqtt'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'tap'
import { createBroker } from '../../src/index.ts'

interface Family {
  readonly help: string
  readonly type: string
  readonly samples: Map<string, number>
}

/** Reads the text format strictly: HELP, TYPE, then the samples of each family, once. */
function familiesIn(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  let name = ''
  for (const line of text.split('\n').slice(0, -1)) {
    const help = /^# HELP ([a-z0-9_]+) (\S.*)$/.exec(line)
    const type = /^# TYPE ([a-z0-9_]+) (counter|gauge|histogram|untyped)$/.exec(line)
    const sample = /^([a-z0-9_]+)(\{[a-z]+="[\w.+-]+"\})? (\d+(?:\.\d+)?(?:e[+-]\d+)?)$/.exec(line)
    if (help !== null) {
      name = help[1] ?? ''
      if (families.has(name)) throw new Error(`${name} comes twice`)
      families.set(name, { help: help[2] ?? '', type: '', samples: new Map() })
    } else if (type !== null && type[1] === name) {
      const family = families.get(name)
      if (family !== undefined) families.set(name, { ...family, type: type[2] ?? '' })
    } else if (sample !== null && isOf(sample[1], name, families.get(name))) {
      const part = sample[1]?.slice(name.length) ?? ''
      families.get(name)?.samples.set(part + (sample[2] ?? ''), Number(sample[3]))
    } else throw new Error(`this is no line of the text format: ${line}`)
  }
  return families
}

function isOf(sample: string | undefined, name: string, family: Family | undefined): boolean {
  if (family?.type !== 'histogram') return sample === name
  return ['_bucket', '_sum', '_count'].some(part => sample === name + part)
}

async function scraped(port: number): Promise<Map<string, Family>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  if (response.headers.get('content-type') !== 'text/plain; version=0.0.4; charset=utf-8')
    throw new Error('another type')
  const text = await response.text()
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  return familiesIn(text)
}

test('a scrape has every figure once, as a counter or a gauge, and mosquitto exporters names', async t => {
  const broker = await createBroker({ listeners: [{ port: 0 }, { protocol: 'ws', port: 0 }] })
  t.teardown(() => broker.close())
  const [plain, web] = broker.listeners
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${plain?.port}`)
  await client.subscribeAsync('a')
  await client.publishAsync('a', 'x', { qos: 1 })
  await client.publishAsync('kept', 'x', { qos: 1, retain: true })
  await client.subscribeAsync('$queue/jobs/work')
  await client.unsubscribeAsync('$queue/jobs/work')
  await client.publishAsync('$queue/jobs', 'x', { qos: 1 })

  const families = await scraped(web?.port ?? 0)
  const valueOf = (name: string, label = ''): unknown => families.get(name)?.samples.get(label)

  t.equal(valueOf('pondhawk_clients_connected'), 1)
  t.equal(valueOf('pondhawk_messages_received_total'), 3)
  t.equal(valueOf('pondhawk_queue_messages', '{queue="jobs"}'), 1)
  t.equal(valueOf('pondhawk_queue_held', '{queue="jobs"}'), 0)
  t.equal(valueOf('pondhawk_queue_locked', '{queue="jobs"}'), 0)
  t.equal(valueOf('pondhawk_messages_sent_total'), 1)
  t.equal(valueOf('pondhawk_retained_messages'), 1)
  t.equal(valueOf('pondhawk_messages_dropped_total', '{reason="queue-full"}'), 0)
  t.equal(valueOf('pondhawk_limits_reached_total', '{limit="sessionsMax"}'), 0)
  t.equal(valueOf('broker_clients_connected'), 1)
  t.equal(valueOf('pondhawk_connect_seconds', '_count'), 1)
  t.equal(valueOf('pondhawk_publish_to_deliver_seconds', '_count'), 1)
  t.equal(valueOf('broker_publish_messages_received'), 3)
  t.equal(valueOf('broker_publish_bytes_received'), 3)
  t.equal(valueOf('broker_clients_maximum'), 0, 'what $SYS was told at the start')
  t.equal(valueOf('broker_load_messages_received_15min'), 0)
  t.notOk([...families.keys()].some(name => /^(?:mosquitto|emqx)_/.test(name)))
  for (const [name, { type, samples }] of families) {
    t.ok(samples.size > 0, name)
    if (name.startsWith('broker_')) t.equal(type, 'untyped', name)
    else if (samples.has('_count')) {
      t.equal(type, 'histogram', name)
      t.equal(samples.get('_bucket{le="+Inf"}'), samples.get('_count'), name)
    } else t.equal(type, name.endsWith('_total') ? 'counter' : 'gauge', name)
  }
  await client.endAsync()
})

test('with metrics.compat the dashboards of others find their names', async t => {
  const listeners = [{ port: 0 }, { protocol: 'ws' as const, port: 0 }]
  const broker = await createBroker({ listeners, metrics: { compat: ['mosquitto', 'emqx'] } })
  t.teardown(() => broker.close())
  const [plain, web] = broker.listeners
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${plain?.port}`)
  await client.subscribeAsync(['$share/g/a', 'b'])

  const families = await scraped(web?.port ?? 0)

  for (const [name, family] of families) {
    if (!name.startsWith('broker_')) continue
    t.strictSame(families.get(name.replace('broker_', 'mosquitto_')), family)
  }
  const valueOf = (name: string): unknown => families.get(`emqx_${name}`)?.samples.get('')
  t.equal(valueOf('connections_count'), 1)
  t.equal(valueOf('subscriptions_count'), 2)
  t.equal(valueOf('subscriptions_shared_count'), 1)
  await client.unsubscribeAsync('$share/g/a')
  const later = await scraped(web?.port ?? 0)
  t.equal(later.get('emqx_subscriptions_shared_count')?.samples.get(''), 0)
  await client.endAsync()
})

test('every metric that the documentation names is there', async t => {
  const broker = await createBroker({ listeners: [{ protocol: 'ws', port: 0 }], frontEnds: 1 })
  t.teardown(() => broker.close())
  const families = await scraped(broker.listeners[0]?.port ?? 0)
  const page = readFileSync(resolve(import.meta.dirname, '../../../docs/how-to/monitor.md'), 'utf8')

  const named = new Set(page.match(/\b(?:pondhawk|broker|process)_[a-z0-9_]+/g))
  t.ok(named.size > 10)
  for (const name of named) t.ok(families.has(name), name)
})
