// npm run interop: programs in daily use against the broker, one after the other. `-- --only WORD` takes those whose name
// has the word; `-- --front-ends N` gives the broker so many front ends; `-- --docs` writes the page of results.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatHash } from '../src/access/password/password-hash.ts'
import { newPbkdf2 } from '../src/access/password/hashing.ts'
import { createBroker, type EmbedOptions } from '../src/index.ts'
import { page, type Result } from './page.ts'
import { install } from './programs.ts'
import { type Ground, LOGIN, type Trial } from './trial.ts'
import { chromium } from './trials/chromium.ts'
import { homeMove } from './trials/home-move.ts'
import { mosquittoBridge } from './trials/mosquitto-bridge.ts'
import { mosquittoClients } from './trials/mosquitto-clients.ts'
import { mqttjs } from './trials/mqttjs.ts'
import { nodeRed } from './trials/node-red.ts'
import { pahoC } from './trials/paho-c.ts'
import { pahoPython } from './trials/paho-python.ts'
import { prometheusExporter } from './trials/prometheus-exporter.ts'
import { zigbee2mqtt } from './trials/zigbee2mqtt.ts'

const TRIALS: readonly Trial[] = [
  ...mosquittoClients,
  ...mosquittoBridge,
  ...mqttjs,
  ...pahoPython,
  ...pahoC,
  ...chromium,
  ...nodeRed,
  ...zigbee2mqtt,
  ...prometheusExporter,
  ...homeMove,
]

const PAGE = join(import.meta.dirname, '../../docs/reference/interoperability.md')

function access(): EmbedOptions['access'] {
  const hash = formatHash(newPbkdf2(Buffer.from(LOGIN.password), 1_000))
  return {
    anonymous: 'never',
    users: { [LOGIN.username]: hash },
    rules: `user ${LOGIN.username}\ntopic readwrite #\n`,
  }
}

async function resultOf(trial: Trial, frontEnds: number): Promise<Result> {
  const version = await trial.version()
  if (version === null) return { trial, version: '-', failure: 'not installed here' }
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-interop-'))
  const broker = await createBroker({
    listeners: [{ port: 0 }, { protocol: 'ws', port: 0 }],
    frontEnds,
    store: { durability: 'fsync', directory: join(directory, 'store') },
    ...(trial.needsLogin === true ? { access: access() } : {}),
  })
  const [tcp, webSocket] = broker.listeners
  const ground: Ground = {
    broker,
    directory,
    tcpPort: tcp?.port ?? 0,
    webSocketPort: webSocket?.port ?? 0,
  }
  try {
    await trial.run(ground)
    return { trial, version, failure: null }
  } catch (error) {
    return { trial, version, failure: error instanceof Error ? error.message : String(error) }
  } finally {
    await broker.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    'front-ends': { type: 'string', default: '0' },
    docs: { type: 'boolean' },
  },
})
await install()
const results: Result[] = []
for (const trial of TRIALS) {
  const { program, what } = trial
  if (values.only !== undefined && !program.toLowerCase().includes(values.only.toLowerCase()))
    continue
  const result = await resultOf(trial, Number(values['front-ends']))
  results.push(result)
  console.log(
    `${result.failure === null ? 'ok    ' : 'FAILED'} ${program} ${result.version}: ${what}`,
  )
  if (result.failure !== null) console.log(`       ${result.failure}`)
}
if (values.docs === true) writeFileSync(PAGE, page(results))
const failed = results.filter(({ failure }) => failure !== null).length
console.log(`${results.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
