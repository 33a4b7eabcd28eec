// What a mosquitto.conf says of the broker as a whole: limits, store, log.

import { join, resolve } from 'node:path'
import { type LimitName, LIMITS } from '../limits.ts'
import { type ConfFile, quoted, type Setting } from './conf-file.ts'
import type { ConfListener } from './conf-listeners.ts'
import { type Mapping, settingOf, textIn } from './mapping.ts'

interface LimitRule {
  readonly option: string
  readonly limits: readonly LimitName[]
  /** What the value stands for that means "no bound" in mosquitto; null if the default here stays. */
  readonly unbounded: { readonly value: number; readonly means: number | null }
  readonly added?: number
}

/** Fixed header, topic length and the longest topic of a PUBLISH. */
const HEADER_BYTES = 65_544
const DEFAULT_STAYS = { value: 0, means: null }

const LIMIT_RULES: readonly LimitRule[] = [
  { option: 'global_max_clients', limits: ['sessionsMax'], unbounded: { value: -1, means: null } },
  {
    option: 'global_max_connections',
    limits: ['connectionsMax'],
    unbounded: { value: -1, means: null },
  },
  { option: 'max_inflight_bytes', limits: ['inFlightBytesMax'], unbounded: DEFAULT_STAYS },
  {
    option: 'max_inflight_messages',
    limits: ['inFlightMax', 'receiveMax'],
    unbounded: { value: 0, means: 65_535 },
  },
  {
    option: 'max_keepalive',
    limits: ['keepAliveSecondsMax'],
    unbounded: { value: 0, means: 0 },
  },
  {
    option: 'message_size_limit',
    limits: ['packetBytesMax'],
    unbounded: DEFAULT_STAYS,
    added: HEADER_BYTES,
  },
  { option: 'max_packet_size', limits: ['packetBytesMax'], unbounded: { value: -1, means: null } },
  { option: 'max_queued_bytes', limits: ['queuedBytesMax'], unbounded: DEFAULT_STAYS },
  {
    option: 'max_queued_messages',
    limits: ['queuedMessagesMax'],
    unbounded: { value: 0, means: LIMITS.queuedMessagesMax.max },
  },
]

export function mapLimits(
  conf: ConfFile,
  listeners: readonly ConfListener[],
  mapping: Mapping,
): void {
  for (const rule of LIMIT_RULES) mapLimit(rule, conf, mapping)
  mapAliases('max_topic_alias', 'topicAliasMax', listeners, mapping)
  mapAliases('max_topic_alias_broker', 'outgoingTopicAliasMax', listeners, mapping)
  const queue = settingOf(conf.global, 'queue_qos0_messages')
  if (queue !== null) mapping.set(['limits', 'queueQoS0WhileAway'], queue.value, [queue])
  const retain = settingOf(conf.global, 'retain_available')
  if (retain?.value === false) mapping.set(['limits', 'retainedMessagesMax'], 0, [retain])
  mapExpiry(conf, mapping)
}

function mapLimit(rule: LimitRule, conf: ConfFile, mapping: Mapping): void {
  const setting = settingOf(conf.global, rule.option)
  if (setting === null) return
  const isUnbounded = setting.value === rule.unbounded.value
  const wanted = isUnbounded ? rule.unbounded.means : Number(setting.value) + (rule.added ?? 0)
  for (const name of rule.limits) {
    const limit = LIMITS[name]
    if (!('min' in limit)) continue
    if (wanted === null) {
      const bound = `limits.${name} is ${limit.default.toLocaleString('en')}`
      mapping.note(setting, `everything has a bound here: ${bound}`)
      continue
    }
    const value = Math.min(limit.max, Math.max(limit.min, wanted))
    if (value !== wanted) {
      mapping.note(setting, `limits.${name} is ${value.toLocaleString('en')}, which is next to it`)
    }
    const known = mapping.valueAt(['limits', name])
    // The smaller one of max_packet_size and message_size_limit counts.
    if (typeof known !== 'number' || value < known) mapping.set(['limits', name], value, [setting])
  }
}

function mapAliases(
  option: string,
  name: LimitName,
  listeners: readonly ConfListener[],
  mapping: Mapping,
): void {
  const found = listeners.flatMap(({ settings }) => settings.get(option) ?? [])
  const [first] = found
  if (first === undefined) return
  const value = found.reduce((most, each) => Math.max(most, Number(each.value)), 0)
  mapping.set(['limits', name], value, found)
  if (listeners.length > 1) mapping.note(first, `limits.${name} is ${value} for all listeners`)
}

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  h: 3_600,
  d: 86_400,
  w: 604_800,
  m: 2_592_000,
  y: 31_536_000,
}

/** Without the option sessions never expire in mosquitto. */
function mapExpiry(conf: ConfFile, mapping: Mapping): void {
  const path = ['limits', 'sessionExpirySecondsMax']
  const { max } = LIMITS.sessionExpirySecondsMax
  const expiry = settingOf(conf.global, 'persistent_client_expiration')
  if (expiry === null) {
    mapping.set(path, max, 'mosquitto keeps sessions for ever without persistent_client_expiration')
    return
  }
  const [, number = '', unit = ''] = /^(\d+)([shdwmy])$/.exec(String(expiry.value)) ?? []
  const seconds = UNIT_SECONDS[unit]
  if (seconds === undefined || Number(number) === 0) {
    mapping.refuse(
      expiry,
      `must be a number and one of s, h, d, w, m, y, not ${quoted(String(expiry.value))}`,
    )
    return
  }
  mapping.set(path, Math.min(max, Number(number) * seconds), [expiry])
}

/** Maps the store. Returns the database of mosquitto, or null if it keeps none. */
export function mapStore({ global }: ConfFile, mapping: Mapping): string | null {
  const persistence = settingOf(global, 'persistence')
  if (persistence?.value !== true) {
    const why =
      persistence === null ? 'mosquitto stores nothing without persistence' : [persistence]
    mapping.set(['store', 'durability'], 'memory', why)
    return null
  }
  const location = settingOf(global, 'persistence_location')
  const folder = resolve(location === null ? '.' : String(location.value))
  const from = location === null ? [persistence] : [location]
  mapping.set(['store', 'directory'], join(folder, 'pondhawk-data'), from)
  return join(folder, textIn(global, 'persistence_file') ?? 'mosquitto.db')
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
const LEVEL_OF: Readonly<Record<string, (typeof LEVELS)[number] | 'silent'>> = {
  all: 'debug',
  debug: 'debug',
  subscribe: 'debug',
  unsubscribe: 'debug',
  websockets: 'debug',
  internal: 'debug',
  information: 'info',
  notice: 'info',
  warning: 'warn',
  error: 'error',
  none: 'silent',
}

/** The most detailed of the types counts. */
export function mapLog({ global }: ConfFile, mapping: Mapping): void {
  const types = global.get('log_type') ?? []
  const wanted = types.map(type => levelOf(type, mapping))
  const level = LEVELS.find(each => wanted.includes(each)) ?? 'silent'
  const places = global.get('log_dest') ?? []
  if (places.length > 0 && places.every(({ value }) => value === 'none')) {
    mapping.set(['log', 'level'], 'silent', places)
  } else if (types.length > 0) mapping.set(['log', 'level'], level, types)
  for (const place of places) {
    if (!/^(?:stdout|stderr|none)\b/.test(String(place.value)))
      mapping.note(place, place.option.text)
  }
}

function levelOf(type: Setting, mapping: Mapping): string {
  const level = LEVEL_OF[String(type.value)]
  if (level !== undefined) return level
  mapping.refuse(
    type,
    `${quoted(String(type.value))} is not one of ${Object.keys(LEVEL_OF).join(', ')}`,
  )
  return 'info'
}
