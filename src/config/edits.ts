// Changes the text of a configuration file: single values, with all comments kept; and hides hashes of passwords from whoever reads it.

import { type Document, isMap, isPair, isScalar, isSeq } from 'yaml'
import { leavesOf, type Path } from './entries.ts'
import { isSecret } from './parse.ts'
import { parseYaml } from './yaml-text.ts'

interface ConfigChange {
  readonly path: Path
  /** Undefined: the key is removed, so that its default counts. */
  readonly value?: unknown
}

/** Returns the text with other values. Throws an error with a sentence when a path leads through a value that is no map and no list. */
export function withChanges(text: string, file: string, changes: readonly ConfigChange[]): string {
  const document = parseYaml(text)
  for (const { path, value } of changes) {
    checkPlaces(document, path)
    if (value === undefined) document.deleteIn(path)
    else document.setIn(path, document.createNode(value))
  }
  const isJson = file.endsWith('.json')
  return document.toString({
    lineWidth: 0,
    ...(isJson && { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' }),
  })
}

/** A list may grow by one at its end: with a gap it would be as long as somebody says. Throws an error with a sentence. */
function checkPlaces(document: Document, path: Path): void {
  if (path.length > DEPTH_MAX) throw new Error(`a path has at most ${DEPTH_MAX} parts`)
  for (const [depth, place] of path.entries()) {
    const above = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)
    // A list takes digits in a text as well.
    const isIndex = isSeq(above) || (typeof place === 'number' && !isMap(above))
    const length = isSeq(above) ? above.items.length : 0
    if (!isIndex || !(Number(place) > length)) continue
    const list = path.slice(0, depth).join('.')
    throw new Error(`${list} has ${length} entries: the next one is ${length}, not ${place}`)
  }
}

interface Secret {
  readonly start: number
  readonly end: number
  /** Whether it is a whole value, with its quotes. */
  readonly isValue: boolean
}

/** No key of the configuration lies deeper. */
const DEPTH_MAX = 20
const HASH = /\$(?:\d|argon2)[^\s"',}]{8,}/g
const PLACE = /(["']?)\(a hash (\d{1,6})\)(["']?)/g

/** Returns the text with `(a hash 1)`, `(a hash 2)` … in the places of hashes, also of those in comments. */
export function withoutSecrets(text: string): string {
  let shown = ''
  let from = 0
  for (const [index, { start, end, isValue }] of secretsIn(text).entries()) {
    const place = `(a hash ${index + 1})`
    shown += `${text.slice(from, start)}${isValue ? `"${place}"` : place}`
    from = end
  }
  return shown + text.slice(from)
}

/** Puts the hashes of the text `original` into their places again. Returns the place of a hash that it does not have, if there is one. */
export function withSecrets(
  text: string,
  original: string,
): { readonly text: string; readonly unknown: string | null } {
  const secrets = secretsIn(original)
  let unknown: string | null = null
  const whole = text.replaceAll(
    PLACE,
    (place: string, open: string, digits: string, close: string) => {
      const secret = secrets[Number(digits) - 1]
      if (secret === undefined) {
        unknown ??= place
        return place
      }
      const hash = original.slice(secret.start, secret.end)
      return secret.isValue ? hash : `${open}${hash}${close}`
    },
  )
  return { text: whole, unknown }
}

/** Whether one of the hashes of the text `original` would become a key or a value that is shown. */
export function showsSecret(values: unknown, original: string): boolean {
  const secrets = secretsIn(original).map(({ start, end }) =>
    original.slice(start, end).replaceAll(/^["']|["']$/g, ''),
  )
  return leavesOf(values).some(([path, value]) => {
    const shown = JSON.stringify(isSecret(path) ? path : [path, value])
    return secrets.some(secret => shown.includes(secret))
  })
}

/** All that may be a hash or a password: values of `access.users`, passwords of bridges, and what looks like a hash anywhere. */
function secretsIn(text: string): readonly Secret[] {
  const values = [...valuesOfUsers(text), ...passwordsOfBridges(text)]
  const others = [...text.matchAll(HASH)].map(({ index, 0: hash }) => ({
    start: index,
    end: index + hash.length,
    isValue: false,
  }))
  const apart = others.filter(
    ({ start }) => !values.some(value => value.start <= start && start < value.end),
  )
  return [...values, ...apart].sort((one, other) => one.start - other.start)
}

function valuesOfUsers(text: string): readonly Secret[] {
  const users: unknown = parseYaml(text).getIn(['access', 'users'], true)
  if (!isMap(users)) return []
  return users.items.flatMap(pair => (isPair(pair) ? secretAt(pair.value, text) : []))
}

function passwordsOfBridges(text: string): readonly Secret[] {
  const bridges: unknown = parseYaml(text).getIn(['bridges'], true)
  if (!isMap(bridges)) return []
  return bridges.items.flatMap(({ value }) =>
    isMap(value) ? secretAt(value.get('password', true), text) : [],
  )
}

function secretAt(value: unknown, text: string): readonly Secret[] {
  const range = isScalar(value) ? value.range : null
  if (range == null || range[0] === range[1]) return []
  // A text of several lines ends with its last character, not with the line.
  const end = range[0] + text.slice(range[0], range[1]).trimEnd().length
  return [{ start: range[0], end, isValue: true }]
}
