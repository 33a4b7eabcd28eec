// Users and rules of a mosquitto.conf. With per_listener_settings, listeners whose files differ get users and rules of their own.

import { resolve } from 'node:path'
import { type ConfFile, quoted, type Setting, type Settings } from './conf-file.ts'
import type { ConfListener } from './conf-listeners.ts'
import { type Mapping, settingOf, textIn, valueIn } from './mapping.ts'

const ALL_SAME =
  'must be the same for all listeners, because users and rules hold for all of them here'

export function mapAccess(
  conf: ConfFile,
  listeners: readonly ConfListener[],
  mapping: Mapping,
): void {
  mapUsers(conf, listeners, mapping)
  mapPrefix(conf, mapping)
  mapCertificates(listeners, mapping)
  mapKeys(listeners, mapping)
  const source = settingOf(conf.global, 'check_retain_source')
  if (source !== null) mapping.set(['access', 'checkRetainSource'], source.value, [source])
}

function mapUsers(conf: ConfFile, listeners: readonly ConfListener[], mapping: Mapping): void {
  if (conf.isPerListener && differ(listeners)) {
    for (const [index, listener] of listeners.entries()) mapOwn(listener, index, mapping)
    return
  }
  const needsUsers = mapAnonymous(conf, listeners, mapping)
  const secures = conf.isPerListener ? listeners.map(({ settings }) => settings) : [conf.global]
  const hasPasswords = mapPasswords(conf, listeners, secures, mapping)
  mapSame('acl_file', 'rulesFile', secures, mapping)
  const hasPlugin = mapPlugins(secures, mapping)
  if (!hasPasswords && !hasPlugin && needsUsers) {
    mapping.set(['access', 'users'], {}, 'no line names users: nobody has a password')
  }
}

/** Whether listeners have different files. One where nobody needs a password may lack that file. */
function differ(listeners: readonly ConfListener[]): boolean {
  const of = (name: string) => listeners.map(({ settings }) => settingOf(settings, name)?.value)
  const passwords = of('password_file').filter(value => value !== undefined)
  return [passwords, of('acl_file'), of('plugin'), of('plugin_opt_*')].some(
    values => new Set(values).size > 1,
  )
}

/** Maps users and rules of one listener. */
function mapOwn({ settings, isImplied }: ConfListener, index: number, mapping: Mapping): void {
  const path = ['listeners', index, 'access']
  const own = settingOf(settings, 'listener_allow_anonymous')
  const allows = own ?? settingOf(settings, 'allow_anonymous')
  const isAllowed = allows === null ? isImplied : allows.value === true
  const from = allows === null ? 'mosquitto decides so without allow_anonymous' : [allows]
  mapping.set([...path, 'anonymous'], isAllowed ? 'everywhere' : 'never', from)
  for (const [name, key] of [
    ['password_file', 'usersFile'],
    ['acl_file', 'rulesFile'],
  ] as const) {
    const file = settingOf(settings, name)
    if (file !== null) mapping.set([...path, key], resolve(String(file.value)), [file])
  }
  mapPlugins([settings], mapping, path)
}

function mapPrefix({ global }: ConfFile, mapping: Mapping): void {
  const prefix = settingOf(global, 'clientid_prefixes')
  if (prefix === null) return
  const text = String(prefix.value)
  if (text === '' || /[*]|%u/.test(text)) mapping.refuse(prefix, `${quoted(text)} is no beginning`)
  mapping.set(['access', 'clientIdPattern'], `${text}*`, [prefix])
}

type Anonymous = 'never' | 'loopback' | 'everywhere'

/** Returns whether some listener needs users. */
function mapAnonymous(
  conf: ConfFile,
  listeners: readonly ConfListener[],
  mapping: Mapping,
): boolean {
  const found = listeners.map(listener => {
    const { settings, isImplied } = listener
    const own = settingOf(settings, 'listener_allow_anonymous')
    const set = own ?? settingOf(conf.isPerListener ? settings : conf.global, 'allow_anonymous')
    return { listener, set, isAllowed: set === null ? isImplied : set.value === true }
  })
  const allowing = found.filter(({ isAllowed }) => isAllowed)
  const from = found.flatMap(({ set }) => set ?? [])
  const why = from.length > 0 ? [...new Set(from)] : 'mosquitto decides so without allow_anonymous'
  let anonymous: Anonymous = 'everywhere'
  if (allowing.length === 0) anonymous = 'never'
  else if (allowing.every(({ listener }) => listener.isImplied)) anonymous = 'loopback'
  const isMixed = allowing.length > 0 && allowing.length < found.length
  for (const [index, { isAllowed }] of found.entries()) {
    if (isMixed && !isAllowed) mapping.set(['listeners', index, 'requireUser'], true, why)
  }
  mapping.set(['access', 'anonymous'], anonymous, why)
  return allowing.length < found.length
}

/** Listeners where nobody needs a password may lack the file. */
function mapPasswords(
  conf: ConfFile,
  listeners: readonly ConfListener[],
  secures: readonly Settings[],
  mapping: Mapping,
): boolean {
  if (!conf.isPerListener) return mapSame('password_file', 'usersFile', secures, mapping)
  const asking = listeners
    .map(({ settings }) => settings)
    .filter(settings => {
      const isNamed = valueIn(settings, 'use_identity_as_username', false)
      return (
        settings.has('password_file') || !(isNamed || valueIn(settings, 'allow_anonymous', false))
      )
    })
  const lacking = listeners.find(({ settings }) => !settings.has('password_file'))
  const has = mapSame('password_file', 'usersFile', asking, mapping)
  if (has && lacking !== undefined) {
    mapping.note(lacking.line, 'clients with a user name need its password by this listener too')
  }
  return has
}

/** Maps a file that all have, or none. Returns whether they have it. */
function mapSame(
  name: string,
  key: string,
  secures: readonly Settings[],
  mapping: Mapping,
): boolean {
  const found = secures.flatMap(settings => settingOf(settings, name) ?? [])
  const [first, ...others] = found
  if (first === undefined) return false
  const differing = others.find(({ value }) => value !== first.value)
  if (differing !== undefined || found.length < secures.length) {
    mapping.refuse(differing ?? first, ALL_SAME)
  }
  mapping.set(['access', key], resolve(String(first.value)), found)
  return true
}

/** The only plugin that is known is the dynamic security: it is a file of users and rules. */
function mapPlugins(
  secures: readonly Settings[],
  mapping: Mapping,
  path: readonly (string | number)[] = ['access'],
): boolean {
  const files = secures.map(settings => securityFile(settings, mapping))
  const [first = null] = files
  const given = secures.flatMap(settings => settings.get('plugin') ?? [])
  const [plugin] = given
  if (plugin === undefined) return false
  if (files.some(file => file?.value !== first?.value)) mapping.refuse(plugin, ALL_SAME)
  if (first === null) return false
  mapping.set([...path, 'dynamicSecurityFile'], resolve(String(first.value)), [first])
  mapping.note(plugin, 'the broker itself reads its file, and does what mosquitto_ctrl dynsec says')
  for (const name of ['password_file', 'acl_file']) {
    const beside = secures.map(settings => settingOf(settings, name)).find(each => each !== null)
    if (beside !== undefined && beside !== null) {
      mapping.refuse(beside, 'the dynamic security has users and rules already: leave one out')
    }
  }
  return true
}

function securityFile(settings: Settings, mapping: Mapping): Setting | null {
  const plugins = settings.get('plugin') ?? []
  const options = settings.get('plugin_opt_*') ?? []
  const others = plugins.filter(({ value }) => !String(value).includes('dynamic_security'))
  for (const plugin of others) {
    mapping.refuse(plugin, `${quoted(String(plugin.value))}: ${plugin.option.text}`)
  }
  const [stray] = plugins.length === 0 ? options : []
  if (stray !== undefined) mapping.refuse(stray, 'there is no plugin that it belongs to')
  if (plugins.length === others.length) return null
  const file = options.find(({ key }) => key.endsWith('_opt_config_file'))
  if (file !== undefined) return file
  const [plugin] = plugins
  if (plugin !== undefined) mapping.refuse(plugin, 'needs plugin_opt_config_file')
  return null
}

/** A certificate names a user by all listeners that ask for one, or by none. */
function mapCertificates(listeners: readonly ConfListener[], mapping: Mapping): void {
  const asking = listeners.filter(
    ({ settings }) =>
      settings.has('certfile') &&
      (valueIn(settings, 'require_certificate', false) || isNamed(settings)),
  )
  const naming = asking.filter(({ settings }) => isNamed(settings))
  const from = naming.flatMap(
    ({ settings }) => settingOf(settings, 'use_identity_as_username') ?? [],
  )
  const [first] = from
  if (first === undefined) return
  if (naming.length < asking.length) {
    mapping.refuse(first, 'must be the same for all listeners with require_certificate true')
  }
  mapping.set(['access', 'certificates', 'user'], 'commonName', from)
}

function isNamed(settings: Settings): boolean {
  return valueIn(settings, 'use_identity_as_username', false)
}

function mapKeys(listeners: readonly ConfListener[], mapping: Mapping): void {
  const keyed = listeners.filter(({ settings }) => textIn(settings, 'psk_hint') !== null)
  const naming = keyed.filter(({ settings }) => isNamed(settings))
  const from = naming.flatMap(
    ({ settings }) => settingOf(settings, 'use_identity_as_username') ?? [],
  )
  const [first] = from
  if (first === undefined) return
  if (naming.length < keyed.length) {
    mapping.refuse(first, 'must be the same for all listeners with psk_hint')
  }
  mapping.set(['access', 'psk', 'user'], 'identity', from)
}
