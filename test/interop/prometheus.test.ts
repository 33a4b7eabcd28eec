// Debian's Prometheus reads the metrics, and has the expressions that dashboards ask for.

import mqtt from 'mqtt'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { createBroker } from '../../src/index.ts'
import { freePort, Program } from './programs.ts'

/** The names that Grafana dashboard 22666 asks for, made for an exporter of mosquitto's $SYS. */
const DASHBOARD_22666 = [
  'broker_uptime',
  'broker_clients_total',
  'broker_clients_connected',
  'rate(broker_messages_sent[10s])',
  'rate(broker_messages_received[10s])',
  'broker_messages_stored',
  'broker_subscriptions_count',
  'rate(broker_bytes_received[10s])',
  'rate(broker_bytes_sent[10s])',
  'increase(broker_publish_messages_sent[10s])',
  'increase(broker_publish_messages_received[10s])',
]

const OURS = [
  'rate(pondhawk_messages_received_total[10s])',
  'histogram_quantile(0.99, pondhawk_publish_to_deliver_seconds_bucket)',
  'histogram_quantile(0.99, pondhawk_connect_seconds_bucket)',
  'rate(pondhawk_event_loop_delay_seconds_count[10s])',
  'pondhawk_commit_seconds_count',
  'pondhawk_queued_messages',
]

interface Answer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
}

test('Prometheus finds nothing to complain of, scrapes, and answers what dashboards ask', async t => {
  const broker = await createBroker({ listeners: [{ port: 0 }, { protocol: 'ws', port: 0 }] })
  t.teardown(() => broker.close())
  const [plain, web] = broker.listeners
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${plain?.port}`)
  await client.subscribeAsync('a')
  await client.publishAsync('a', 'x')
  const target = `127.0.0.1:${web?.port}`
  const page = await (await fetch(`http://${target}/metrics`)).text()

  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
  })
  t.equal(status, 0, `${stdout}${stderr}`)
  t.equal(`${stdout}${stderr}`.trim(), '')

  const directory = t.testdir()
  const config = join(directory, 'prometheus.yml')
  writeFileSync(
    config,
    `scrape_configs: [{job_name: pondhawk, scrape_interval: 1s, static_configs: [{targets: ['${target}']}]}]`,
  )
  const address = `127.0.0.1:${await freePort()}`
  const prometheus = new Program('prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=${address}`,
  ])
  t.teardown(() => prometheus.killed())
  const asks = async (expression: string): Promise<readonly string[]> => {
    const query = new URLSearchParams({ query: expression }).toString()
    const response = await fetch(`http://${address}/api/v1/query?${query}`).catch(() => null)
    if (response?.ok !== true) return []
    return ((await response.json()) as Answer).data.result.map(({ value }) => value[1])
  }
  // Two scrapes make a rate.
  while ((await asks('rate(pondhawk_bytes_received_total[10s])')).length === 0) {
    if ((await asks('count_over_time(up[10s]) > 1')).length > 0) break
    await new Promise(settle => setTimeout(settle, 200))
  }

  for (const expression of [...DASHBOARD_22666, ...OURS]) {
    t.equal((await asks(expression)).length, 1, expression)
  }
  t.strictSame(await asks('broker_clients_connected'), ['1'])
  const [quantile = 'NaN'] = await asks(OURS[1] ?? '')
  t.ok(Number(quantile) > 0 && Number(quantile) < 1, quantile)
  await client.endAsync()
})
