// A mosquitto.conf as it is written: options in their contexts, each with its line. Rules of mosquitto 2.0 and 2.1; where they differ,
// what starts in one of them is read.

import { isUtf8 } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CONF_OPTIONS, type ConfOption, confOption } from './conf-options.ts'

/** An option of one line. */
export interface Setting {
  readonly option: ConfOption
  /** As it was written: an alias, or the name of an option of a plugin. */
  readonly key: string
  readonly value: string | number | boolean
  /** `FILE:LINE`. */
  readonly place: string
}

/** The settings of one context by the name of their option, in the order of their lines. */
export type Settings = Map<string, Setting[]>

export interface ConfFile {
  readonly file: string
  readonly global: Settings
  /** That of lines before any `listener`. */
  readonly first: Settings
  /** One for each `listener`. */
  readonly listeners: readonly Settings[]
  readonly bridges: readonly Settings[]
  readonly isPerListener: boolean
}

/** The message has a line for each mistake, with its file and line. */
export class ConfError extends Error {
  readonly status: number

  constructor(message: string, status: number = CONF_WRONG) {
    super(message)
    this.status = status
  }
}

/** Exit statuses of mosquitto: a mistake in the configuration, and a file that cannot be read. */
export const CONF_WRONG = 3
export const CONF_UNREADABLE = 13

/** Throws ConfError. */
export function readConfFile(file: string): ConfFile {
  const reading = new Reading(file)
  reading.read(file)
  return reading.whole()
}

class Reading {
  readonly #file: string
  readonly #global: Settings = new Map()
  readonly #first: Settings = new Map()
  readonly #listeners: Settings[] = []
  readonly #bridges: Settings[] = []
  readonly #problems: string[] = []
  #isPerListener = false
  #hasSecure = false
  // The context of a line. An included file begins without one.
  #listener: Settings = this.#first
  #bridge: Settings | null = null

  constructor(file: string) {
    this.#file = file
  }

  read(file: string): void {
    const text = textOf(file)
    for (const [index, line] of text.split('\n').entries()) {
      if (this.#problems.length >= PROBLEMS_MAX) return
      if (index > LINES_MAX) throw new ConfError(`${file}: more than ${LINES_MAX} lines`)
      const place = `${file}:${index + 1}`
      try {
        this.#readLine(withoutReturns(line), place)
      } catch (error) {
        if (!(error instanceof ConfError)) throw error
        if (error.status === CONF_UNREADABLE) throw error
        this.#problems.push(`${place}  ${error.message}`)
      }
    }
  }

  /** Throws when there was a mistake. */
  whole(): ConfFile {
    if (this.#problems.length >= PROBLEMS_MAX) this.#problems.push('and perhaps more')
    if (this.#problems.length > 0) throw new ConfError(this.#problems.join('\n'))
    return {
      file: this.#file,
      global: this.#global,
      first: this.#first,
      listeners: this.#listeners,
      bridges: this.#bridges,
      isPerListener: this.#isPerListener,
    }
  }

  #readLine(line: string, place: string): void {
    if (line === '' || line.startsWith('#')) return
    const written = line.replace(/^ +/, '')
    if (written === '') return
    const end = written.indexOf(' ')
    const key = end < 0 ? written : written.slice(0, end)
    const option = confOption(key)
    if (option === undefined) throw new ConfError(unknownSentence(key))
    const value = valueOf(option, key, end < 0 ? '' : written.slice(end))
    this.#add({ option, key, value, place })
  }

  #add(setting: Setting): void {
    const { option, value } = setting
    switch (option.name) {
      case 'include_dir':
        this.#include(String(value), setting.place)
        return
      case 'listener':
        this.#listener = new Map()
        checkCount(this.#listeners, setting)
        this.#listeners.push(this.#listener)
        break
      case 'connection':
        this.#bridge = new Map()
        checkCount(this.#bridges, setting)
        this.#bridges.push(this.#bridge)
        break
      case 'per_listener_settings':
        if (this.#hasSecure && value === true) {
          throw new ConfError('per_listener_settings must stand before all options about users')
        }
        this.#isPerListener ||= value === true
        break
      default:
    }
    const settings = this.#contextOf(setting)
    const before = settings.get(option.name)
    if (before !== undefined && option.repeats === 'once') {
      throw new ConfError(`${setting.key} is there twice: see ${before[0]?.place}`)
    }
    if (before !== undefined && option.repeats === 'adds') before.push(setting)
    else settings.set(option.name, [setting])
  }

  #contextOf({ option, key }: Setting): Settings {
    switch (option.scope) {
      case 'global':
        return this.#global
      case 'listener':
        return ofFirstListener(key) ? this.#first : this.#listener
      case 'secure':
        this.#hasSecure = true
        return this.#isPerListener ? this.#listener : this.#global
      case 'bridge':
        if (this.#bridge !== null) return this.#bridge
        throw new ConfError(`${key} is an option of bridges, and there is no connection before it`)
    }
  }

  /** Reads the files of a folder in the order of mosquitto: as if all letters were capitals. */
  #include(folder: string, place: string): void {
    if (!place.startsWith(`${this.#file}:`)) {
      throw new ConfError('include_dir counts in the main file only')
    }
    const context = { listener: this.#listener, bridge: this.#bridge }
    for (const name of confFilesIn(folder, place)) {
      this.#listener = this.#first
      this.#bridge = null
      this.read(join(folder, name))
    }
    this.#listener = context.listener
    this.#bridge = context.bridge
  }
}

const LINES_MAX = 1_000_000
/** More mistakes than anybody reads at once. */
const PROBLEMS_MAX = 100

/** Of listeners, and of bridges. */
const CONTEXTS_MAX = 1_000

function checkCount(contexts: readonly Settings[], { key }: Setting): void {
  if (contexts.length >= CONTEXTS_MAX) throw new ConfError(`more than ${CONTEXTS_MAX} times ${key}`)
}

/** The listener of these is the one before any `listener`, wherever they stand. */
function ofFirstListener(key: string): boolean {
  return key === 'port' || key === 'bind_address'
}

/** A pattern that is tied to the end would be tried at each of many returns. */
function withoutReturns(line: string): string {
  let end = line.length
  while (line[end - 1] === '\r') end -= 1
  return line.slice(0, end)
}

function textOf(file: string): string {
  let bytes
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new ConfError(`${file} cannot be read (${code})`, CONF_UNREADABLE)
  }
  if (!isUtf8(bytes)) throw new ConfError(`${file} is not UTF-8`)
  return bytes.toString('utf8')
}

function confFilesIn(folder: string, place: string): readonly string[] {
  let names
  try {
    names = readdirSync(folder)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new ConfError(
      `${place}  include_dir: ${folder} cannot be read (${code})`,
      CONF_UNREADABLE,
    )
  }
  return names.filter(name => name.endsWith('.conf')).sort(byFoldedBytes)
}

function byFoldedBytes(one: string, other: string): number {
  const folded = Buffer.compare(Buffer.from(one.toUpperCase()), Buffer.from(other.toUpperCase()))
  return folded === 0 ? Buffer.compare(Buffer.from(one), Buffer.from(other)) : folded
}

function valueOf({ type, min, max }: ConfOption, key: string, rest: string): Setting['value'] {
  const text = rest.trimEnd().replace(/^[ \t]+/, '')
  const [word = ''] = text.split(' ')
  if (word === '') throw new ConfError(`${key} has no value`)
  switch (type) {
    case 'text':
    case 'words':
      return text
    case 'word':
      return word
    case 'bool':
      if (word === 'true' || word === '1') return true
      if (word === 'false' || word === '0') return false
      throw new ConfError(`${key} must be true or false, not ${quoted(word)}`)
    case 'int': {
      const number = /^[+-]?(?:0x[\da-f]+|\d+)$/i.test(word) ? Number(word.replace('+', '')) : NaN
      if (Number.isNaN(number)) throw new ConfError(`${key} must be a number, not ${quoted(word)}`)
      if (number >= min && number <= max) return number
      const bounds = max === Infinity ? `${min} or more` : `${min} to ${max}`
      throw new ConfError(`${key} must be ${bounds}, not ${number}`)
    }
  }
}

function unknownSentence(key: string): string {
  if (key.startsWith('#')) return 'a comment begins with # as the first character of its line'
  const plain = (key.split('\t')[0] ?? '').replaceAll(/\p{C}/gu, '')
  if (/\t/.test(key) && confOption(plain) !== undefined) {
    return `after ${plain} there must be a space, and no tab`
  }
  const meant = CONF_OPTIONS.find(({ name }) => name === plain.toLowerCase() && name !== key)
  const hint = meant === undefined ? '' : ` (did you mean ${meant.name}?)`
  return `mosquitto has no option ${quoted(key)}${hint}`
}

/** Returns a word of the file for a sentence. */
export function quoted(word: string): string {
  return JSON.stringify(word.length > 64 ? `${word.slice(0, 63)}…` : word).replaceAll(
    /\p{C}/gu,
    sign => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`,
  )
}
