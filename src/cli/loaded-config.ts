// The configuration of a command: a file of ours or of mosquitto, with the environment and the flags over it.

import { readFileSync } from 'node:fs'
import type { Config } from '../config/config-types.ts'
import type { ConfigOrigin } from '../config/entries.ts'
import { isConfOfMosquitto, loadConfig } from '../config/load.ts'
import { inputOf, type MappedConf, mapConfFile, placesOf } from '../mosquitto/conf-config.ts'
import { withFlags } from './flagged-config.ts'
import type { Words } from './flags.ts'
import { UsageError } from './usage-error.ts'

export interface LoadedConfig {
  readonly config: Config
  readonly origin: ConfigOrigin
  /** Null for a file of ours. */
  readonly conf: MappedConf | null
  /** Sentences about flags that do not count. */
  readonly notes: readonly string[]
}

/** Throws UsageError, ConfError, or an error with the code ERR_CONFIG. */
export function loadedConfig(named: string | null, values: Words['values']): LoadedConfig {
  const confFile = values['mosquitto-conf']
  if (typeof confFile === 'string' && typeof values['config'] === 'string') {
    throw new UsageError('--mosquitto-conf and --config cannot be together. Try pondhawk --help.')
  }
  const file = typeof confFile === 'string' ? confFile : named
  const environment = process.env
  if (file === null || (typeof confFile !== 'string' && !isConfOfMosquitto(file))) {
    const config = withFlags(loadConfig({ file, environment, overrides: {} }), values, file)
    const text = file === null ? '' : readFileSync(file, 'utf8')
    return { config, origin: { file, text, environment }, conf: null, notes: [] }
  }
  const conf = mapConfFile(file)
  const base = inputOf(conf.values)
  const flags = conf.hasListener ? { ...values, port: undefined } : values
  const notes = conf.hasListener && values['port'] !== undefined ? [PORT_IGNORED] : []
  const config = stored(loadConfig({ file: null, base, environment, overrides: {} }), values)
  const mapped = { base, places: placesOf(conf.values) }
  return {
    config: withFlags(config, flags, file),
    origin: { file, environment, mapped },
    conf,
    notes,
  }
}

const PORT_IGNORED = '--port does not count, as in mosquitto: lines of the file begin listeners'

/** Whoever names a folder wants messages in it, even if mosquitto would store none. */
function stored(config: Config, values: Words['values']): Config {
  if (typeof values['data'] !== 'string' || config.store.durability !== 'memory') return config
  return { ...config, store: { ...config.store, durability: 'fsync' } }
}
