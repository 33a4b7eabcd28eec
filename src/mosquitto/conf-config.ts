// mosquitto.conf → our configuration.

import { Document, isMap, isScalar, type Node } from 'yaml'
import { mapAccess } from './conf-access.ts'
import { mapBridges } from './conf-bridges.ts'
import { type ConfFile, readConfFile, type Setting, type Settings } from './conf-file.ts'
import { mapLimits, mapLog, mapStore } from './conf-global.ts'
import { type ConfListener, mapListeners } from './conf-listeners.ts'
import { type MappedValue, Mapping, textIn, valueIn } from './mapping.ts'

export interface MappedConf {
  readonly values: readonly MappedValue[]
  /** Sentences about what has no meaning here, or another one. */
  readonly notes: readonly string[]
  /** Where mosquitto keeps its database; null if it keeps none. */
  readonly databaseFile: string | null
  /** The first file that a `log_dest` names, or null. */
  readonly logFile: string | null
  /** The user that the process becomes if root starts it; null for the default. */
  readonly user: string | null
  /** Whether a line begins a listener: then mosquitto ignores the flag -p. */
  readonly hasListener: boolean
}

/** Throws ConfError with all mistakes, or with all that would be less safe or lose messages if it was ignored. */
export function mapConfFile(file: string): MappedConf {
  const conf = readConfFile(file)
  const mapping = new Mapping()
  const listeners = mapListeners(conf, mapping)
  const databaseFile = mapStore(conf, mapping)
  mapAccess(conf, listeners, mapping)
  mapLimits(conf, listeners, mapping)
  mapLog(conf, mapping)
  mapBridges(conf, mapping)
  mapOthers(conf, listeners, mapping)
  mapping.end()
  const hasListener = listeners.some(({ isImplied }) => !isImplied)
  const { values, notes } = mapping
  const user = textIn(conf.global, 'user')
  return { values, notes, databaseFile, logFile: logFileOf(conf), user, hasListener }
}

function logFileOf({ global }: ConfFile): string | null {
  for (const { value } of global.get('log_dest') ?? []) {
    const [, path = null] = /^file\s+(.+)$/.exec(String(value)) ?? []
    if (path !== null) return path
  }
  return null
}

/** Options that only have a sentence in the table. */
function mapOthers(conf: ConfFile, listeners: readonly ConfListener[], mapping: Mapping): void {
  const contexts = new Set([conf.global, conf.first, ...conf.listeners, ...conf.bridges])
  for (const settings of contexts) {
    for (const setting of [...settings.values()].flat()) mapOther(setting, settings, mapping)
  }
  if (listeners.length === 0) mapping.refuse({ key: 'listener', place: conf.file }, 'there is none')
}

/** Where each has its own rule. */
const TOLD_ELSEWHERE = ['log_dest', 'plugin', 'plugin_opt_*']

function mapOther(setting: Setting, settings: Settings, mapping: Mapping): void {
  const { option, value } = setting
  if (TOLD_ELSEWHERE.includes(option.name)) return
  if (option.outcome === 'instead') mapping.note(setting, option.text)
  if (option.name === 'tls_keyform' && value !== 'pem') {
    mapping.refuse(setting, 'keys are read from PEM files')
  }
  if (option.outcome !== 'refuses' || value === false) return
  const asks = valueIn(settings, 'require_certificate', false)
  if (option.name === 'capath' && !asks) mapping.note(setting, option.text)
  else mapping.refuse(setting, option.text)
}

/** Returns the input of `parseConfig`. */
export function inputOf(values: readonly MappedValue[]): unknown {
  return documentOf(values).toJS()
}

/** Returns where each value comes from, by its path. */
export function placesOf(values: readonly MappedValue[]): ReadonlyMap<string, string> {
  return new Map(values.map(({ path, from }) => [path.join('.'), from]))
}

/** Returns the configuration as YAML, whose comments say where each value comes from. */
export function yamlOf({ values, notes }: MappedConf, file: string): string {
  const document = documentOf(values)
  document.commentBefore = [
    ` Made from ${file} by \`pondhawk import\`. Comments name the lines.`,
    ...notes.map(note => ` ${note}`),
  ].join('\n')
  for (const { path, from } of values) {
    const parent: unknown = document.getIn(path.slice(0, -1), true)
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => (isScalar(key) ? key.value : key) === path.at(-1))
      : undefined
    if (isScalar(pair?.value)) pair.value.comment = ` ${from}`
    else if (pair !== undefined) pair.key = commented(document.createNode(path.at(-1)), from)
  }
  return document.toString({ lineWidth: 0 })
}

function commented(key: Node, comment: string): Node {
  key.commentBefore = ` ${comment}`
  return key
}

function documentOf(values: readonly MappedValue[]): Document {
  const document = new Document({})
  // Lists need their own node before an entry can be set.
  for (const { path, value } of values) {
    for (let length = 1; length < path.length; length++) {
      const above = path.slice(0, length)
      if (document.hasIn(above)) continue
      document.setIn(above, document.createNode(typeof path[length] === 'number' ? [] : {}))
    }
    document.setIn(path, document.createNode(value))
  }
  return document
}
