// `pondhawk trace`, `pondhawk explain` and `pondhawk log-level`, as people run them.

import type { MqttClient } from 'mqtt'
import { test } from 'tap'
import { UsageError, type Words } from '../../src/cli/flags.ts'
import { explainCommand, logLevelCommand, traceCommand } from '../../src/cli/record-command.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { configured } from './configured-broker.ts'

test('trace, explain and log-level tell of a running broker what people want to know', async t => {
  const { command, start } = configured(t)
  const { connect } = await start()
  const reader = await connect('reader 1')
  await reader.subscribeAsync('fleet/#', { qos: 1 })
  const truck = await connect('truck')

  const traces = Promise.all([
    command('trace', 'truck', '--seconds', '1'),
    command('trace', '--filter', 'fleet/#', '--seconds', '1', '--json'),
  ])
  const [packets, messages] = await publishesUntil(traces, truck)
  t.match(packets, { status: 0, errors: /^\d+ lines\n$/ })
  t.match(
    packets.output,
    /^\d\d:\d\d:\d\d\.\d{3} {2}→ {2}truck {2}publish {2}fleet\/1 {2}QoS 1 {2}\{"lat":48\}$/m,
  )
  t.match(packets.output, / {2}← {2}truck {2}puback/)
  const lines = messages.output.trim().split('\n')
  const steps = lines.map(line => JSON.parse(line) as { kind: string; sequence: number })
  // The first message may have come before the trace, which then has only its end.
  const [begun] = steps.filter(({ kind }) => kind === 'received')
  const first = steps.filter(({ sequence }) => sequence === begun?.sequence)
  const kinds = first.map(({ kind }) => kind)
  t.strictSame(kinds, ['received', 'sent', 'matched', 'acknowledged'])

  const story = await command('explain', 'delivery', '--topic', 'fleet/1', '--client', 'reader 1')
  t.equal(story.status, 0)
  t.match(story.output, /^1 of 1 would receive a message at once now\.$/m)
  t.match(story.output, /^\d\d:\d\d:\d\d\.\d{3} ● truck: received, QoS 1$/m)
  t.match(story.output, /^now {10}● "reader 1": by fleet\/#, QoS 1: sent at once$/m)
  const right = await command('explain', 'access', '--user', 'alice', '--topic', 'a', '--json')
  t.match(JSON.parse(right.output), { verdict: 'It is allowed now.' })

  t.equal((await command('log-level', 'debug')).output, 'debug\n')
  t.equal((await command('log-level', '--json')).output, '{"level":"debug"}\n')
})

test('wrong words are refused before a broker is asked', async t => {
  const refused = async (command: Command, values: Words['values'], ...positionals: string[]) =>
    command({ values, positionals }, parseConfig({})).then(
      () => 'nothing is wrong',
      (error: unknown) => (error instanceof UsageError ? error.message : String(error)),
    )

  t.match(await refused(traceCommand, {}), /takes one client id, or --filter/)
  t.match(await refused(traceCommand, { seconds: '601' }, 'a'), /--seconds, 1 to 600/)
  t.match(await refused(explainCommand, {}), /takes delivery or access/)
  t.match(await refused(explainCommand, {}, 'delivery'), /needs --topic/)
  const access = { topic: 'a' }
  t.match(await refused(explainCommand, access, 'access'), /needs --client CLIENT_ID or --user/)
  t.match(
    await refused(explainCommand, { ...access, user: 'b', action: 'eat' }, 'access'),
    /--action/,
  )
  t.match(await refused(explainCommand, { ...access, qos: '3' }, 'delivery'), /--qos takes/)
  t.match(await refused(logLevelCommand, {}, 'loud'), /takes one of debug/)
})

type Command = typeof traceCommand

/** Publishes again and again until it is done. */
async function publishesUntil<Done>(done: Promise<Done>, client: MqttClient): Promise<Done> {
  let isDone = false
  void done.finally(() => (isDone = true))
  while (!isDone) {
    await client.publishAsync('fleet/1', '{"lat":48}', { qos: 1 })
    await new Promise(settle => setTimeout(settle, 100))
  }
  return done
}
