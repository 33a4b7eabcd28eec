// The lines on a terminal when the broker is ready: where it is, what to try, and which keys do what.

import { relative } from 'node:path'
import type { Config } from '../config/config-types.ts'
import { isOfThisMachine } from '../config/parse.ts'
import { storeDirectory } from '../server/create-store.ts'
import type { Durability } from '../store/store.ts'
import { KEY_LINE } from './terminal/terminal.ts'

interface Readiness {
  readonly version: string
  readonly milliseconds: number
  readonly config: Config
  readonly durability: Durability
  /** In the order of those of the configuration. */
  readonly listeners: readonly { readonly name: string; readonly port: number }[]
  /** The link that signs in to it once; null where no listener serves it. */
  readonly dashboard: string | null
  /** Whether there is a keyboard. */
  readonly hasKeys: boolean
}

export function banner(ready: Readiness): string {
  const { version, milliseconds, listeners, dashboard, config, durability, hasKeys } = ready
  const title = `  Pondhawk ${version}   ready in ${milliseconds} ms`
  const lines = [
    '',
    `${title.padEnd(52)}   MQTT 3.1 · 3.1.1 · 5.0`,
    '',
    ...listeners.map(({ name }) => place(kindOf(name), addressOf(name))),
    ...(dashboard === null ? [] : [place('Dashboard', `${dashboard}   (signs you in once)`)]),
    place('Data', dataOf(config, durability)),
    '',
    ...(config.listeners.every(isOfThisMachine)
      ? [
          `  Only this computer can connect. Devices on your network?   ${hasKeys ? 'press l, or: ' : ''}pondhawk --lan`,
          '',
        ]
      : []),
    ...linesToTry(listeners),
    ...(hasKeys ? [`  ${KEY_LINE}`, ''] : []),
    '',
  ]
  return lines.join('\n')
}

function place(what: string, where: string): string {
  return `  ➜ ${what.padEnd(9)}  ${where}`
}

const KINDS: Readonly<Record<string, string>> = { mqtts: 'MQTT/TLS', ws: 'WebSocket', wss: 'WSS' }

function kindOf(name: string): string {
  return KINDS[/^\w+/.exec(name)?.[0] ?? ''] ?? 'MQTT'
}

/** Returns what to connect to from this machine. */
function addressOf(name: string): string {
  const here = name.replace(/\/\/(?:127\.0\.0\.1|0\.0\.0\.0|\[::\]):/, '//localhost:')
  return name.startsWith('ws') ? `${here}/mqtt` : here
}

function dataOf(config: Config, durability: Durability): string {
  if (config.store.durability === 'memory') return 'in memory (gone when the broker stops)'
  const { jetstream } = config.store
  if (jetstream !== undefined) {
    const { stream, servers } = jetstream
    return `the stream ${stream} of NATS at ${servers.join(', ')}   (acknowledged means ${durability})`
  }
  const directory = relative('.', storeDirectory(config))
  return `${directory.startsWith('..') ? storeDirectory(config) : `./${directory}`}   (delete it to start afresh)`
}

function linesToTry(listeners: Readiness['listeners']): string[] {
  const mqtt = listeners.find(({ name }) => name.startsWith('mqtt://'))
  if (mqtt === undefined) return []
  const port = mqtt.port === 1_883 ? '' : ` -p ${mqtt.port}`
  const subscribe = `mosquitto_sub${port} -t 'hello/#' -v`
  return [
    '  Try it, in two other terminals:',
    `    ${subscribe.padEnd(36)}   (no mosquitto clients? pondhawk sub${port} 'hello/#' -v)`,
    `    mosquitto_pub${port} -t hello/world -m hi`,
    '',
  ]
}
