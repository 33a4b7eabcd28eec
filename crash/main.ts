// npm run crash: kills brokers and prints what they lost.

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { BrokerName, Level } from './brokers/broker-under-test.ts'
import { crash, type CrashOptions, type CrashResult } from './crash-run.ts'
import { sentencesOf, table } from './table.ts'

const USAGE = `npm run crash -- [options]
  --kills N               how often the broker is killed (20)
  --seed S                plans of kills and settings (from the clock)
  --broker NAME           pondhawk, mosquitto or both (pondhawk)
  --level LEVEL           Pondhawk's durability: fsync, os or memory (fsync); or jetstream: its log in NATS, whose servers are killed as well
  --servers N             how many servers of NATS: 1, 3 or 5 (1)
  --messages N            new messages for each life of the broker (1000)
  --mosquitto-sub         two subscribers are mosquitto_sub
  --evidence DIR          directory of event logs with findings (crash-evidence)
`
const SENTENCES_SHOWN = 20

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    broker: { type: 'string', default: 'pondhawk' },
    level: { type: 'string', default: 'fsync' },
    servers: { type: 'string', default: '1' },
    messages: { type: 'string', default: '1000' },
    'mosquitto-sub': { type: 'boolean', default: false },
    evidence: { type: 'string', default: 'crash-evidence' },
    help: { type: 'boolean', default: false },
  },
})

// An end by a signal runs what is to be done at the exit: no broker stays behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

if (values.help) process.stdout.write(USAGE)
else process.exitCode = await run(brokersOf(values.broker), levelOf(values.level))

async function run(brokers: readonly BrokerName[], level: Level): Promise<number> {
  const results: CrashResult[] = []
  const seed = Number(values.seed)
  process.stdout.write(`seed ${seed}\n`)
  for (const broker of brokers) {
    const options: CrashOptions = {
      broker,
      level,
      servers: Number(values.servers),
      kills: Number(values.kills),
      seed,
      messagesPerLife: Number(values.messages),
      withMosquittoSub: values['mosquitto-sub'],
      evidence: resolve(values.evidence),
      progress: (kills, findings) => progress(broker, kills, findings),
    }
    results.push(await crash(options))
  }
  for (const result of results) {
    process.stdout.write(sentencesOf(result, SENTENCES_SHOWN))
    if (result.evidence !== null) process.stdout.write(`  event logs: ${result.evidence}\n`)
  }
  process.stdout.write(`\n${table(results)}`)
  const failed = results.some(
    ({ options, log }) => options.broker === 'pondhawk' && log.checker.count() > 0,
  )
  return failed ? 1 : 0
}

function progress(broker: string, kills: number, findings: number): void {
  if (kills % 50 === 0) process.stdout.write(`${broker}: ${kills} kills, ${findings} findings\n`)
}

function brokersOf(name: string): readonly BrokerName[] {
  if (name === 'both') return ['pondhawk', 'mosquitto']
  if (name === 'pondhawk' || name === 'mosquitto') return [name]
  throw new Error(`--broker is pondhawk, mosquitto or both, not ${name}`)
}

function levelOf(name: string): Level {
  if (name === 'fsync' || name === 'os' || name === 'memory' || name === 'jetstream') return name
  throw new Error(`--level is fsync, os, memory or jetstream, not ${name}`)
}
