// The flags of the command line override the configuration.

import { ConfigError } from '../config/config-error.ts'
import type { Config } from '../config/config-types.ts'
import { remedyOf } from '../config/load.ts'
import { parseConfig } from '../config/parse.ts'
import { firstListener } from './first-listener.ts'
import type { Words } from './flags.ts'
import { UsageError } from './usage-error.ts'
import { openedToLan } from './lan.ts'

/** The configuration with the flags is checked like that of the file. Throws UsageError or ConfigError. */
export function withFlags(config: Config, values: Words['values'], file: string | null): Config {
  const ports = [
    { flag: 'port', what: 'MQTT', index: firstListener(config, 'mqtt'), text: values['port'] },
    {
      flag: 'ws-port',
      what: 'WebSocket',
      index: firstListener(config, 'ws'),
      text: values['ws-port'],
    },
  ].filter(({ text }) => text !== undefined)
  const listeners = [...config.listeners]
  for (const { flag, what, index, text } of ports) {
    const port = portOf(flag, String(text))
    const listener = listeners[index]
    if (listener === undefined) {
      throw new UsageError(`--${flag}: ${file ?? 'the configuration'} has no ${what} listener.`)
    }
    listeners[index] = { ...listener, port }
  }
  const { data } = values
  const opened = withHost({ ...config, listeners }, values, file)
  const store = typeof data === 'string' ? { ...config.store, directory: data } : config.store
  const log = values['verbose'] === true ? { ...config.log, level: 'debug' as const } : config.log
  return checked({ ...opened, store, log }, file)
}

/** `--host` is the address of all listeners; with `--lan` only that of the one which is opened. */
function withHost(config: Config, values: Words['values'], file: string | null): Config {
  const host = typeof values['host'] === 'string' ? values['host'] : null
  if (values['lan'] === true) {
    const index = firstListener(config, 'mqtt')
    if (index >= 0) return openedToLan(config, index, host)
    throw new UsageError(`--lan: ${file ?? 'the configuration'} has no MQTT listener.`)
  }
  if (host === null) return config
  return { ...config, listeners: config.listeners.map(each => ({ ...each, host })) }
}

function portOf(flag: string, text: string): number {
  const isPort = /^\d{1,5}$/.test(text) && Number(text) <= 65_535
  const shown = text === '' || /\s/.test(text) ? `'${text}'` : text
  if (!isPort) throw new UsageError(`--${flag}: ${shown} is not a port (0 to 65535).`)
  return Number(text)
}

/** The configuration was valid before: each problem comes from a flag. */
function checked(config: Config, file: string | null): Config {
  try {
    return parseConfig(config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const sentences = error.problems.map(problem => {
      const key = problem.path.at(-1)
      const flag = key === 'host' ? '--host' : problem.path.join('.')
      return `${flag}: ${problem.sentence}${remedyOf(problem, file)}`
    })
    if (sentences.some(each => each.startsWith('--host'))) sentences.push(LAN_HINT)
    throw Object.assign(new Error([...new Set(sentences)].join('\n')), { code: error.code })
  }
}

const LAN_HINT =
  'pondhawk start --lan opens the MQTT port to the network, with a user and a password made for it.'
