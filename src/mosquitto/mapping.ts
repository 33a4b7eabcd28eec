// What a mosquitto.conf amounts to here: values of our configuration with where they come from, notes, and refusals.

import { ConfError, type Setting, type Settings } from './conf-file.ts'

type Path = readonly (string | number)[]

/** A value of our configuration. */
export interface MappedValue {
  readonly path: Path
  readonly value: unknown
  /** The lines that it comes from, or why it is there. */
  readonly from: string
}

interface Note {
  readonly key: string
  readonly places: string[]
  readonly sentence: string
}

export class Mapping {
  readonly values: MappedValue[] = []
  readonly #notes: Note[] = []
  readonly #refusals: string[] = []

  /** `from`: the settings, or a sentence. */
  set(path: Path, value: unknown, from: readonly Setting[] | string): void {
    const told = typeof from === 'string' ? from : from.map(told1).join(', ')
    this.values.push({ path, value, from: told })
  }

  valueAt(path: Path): unknown {
    const key = path.join('.')
    return this.values.findLast(each => each.path.join('.') === key)?.value
  }

  /** Each sentence about an option is one note, with all its lines. */
  note({ key, place }: Pick<Setting, 'key' | 'place'>, sentence: string): void {
    const known = this.#notes.find(note => note.key === key && note.sentence === sentence)
    if (known === undefined) this.#notes.push({ key, places: [place], sentence })
    else if (!known.places.includes(place)) known.places.push(place)
  }

  refuse({ key, place }: Pick<Setting, 'key' | 'place'>, sentence: string): void {
    this.#refusals.push(`${place}  ${key}: ${sentence}`)
  }

  get notes(): readonly string[] {
    return this.#notes.map(
      ({ key, places, sentence }) => `${placesOf(places)}  ${key}: ${sentence}`,
    )
  }

  /** Throws ConfError with all refusals. */
  end(): void {
    if (this.#refusals.length > 0) throw new ConfError(this.#refusals.join('\n'))
  }
}

const SHOWN_PLACES_MAX = 8

function placesOf(places: readonly string[]): string {
  const [first = '', ...others] = places
  const more = others.slice(0, SHOWN_PLACES_MAX).map(each => each.slice(each.lastIndexOf(':') + 1))
  return [first, ...more].join(', ')
}

function told1({ key, place }: Setting): string {
  return `${place} ${key}`
}

/** Returns the last setting of an option, or null. */
export function settingOf(settings: Settings, name: string): Setting | null {
  return settings.get(name)?.at(-1) ?? null
}

/** Returns the value of the option, or the fallback. A table says the type of each option, so it is that of the fallback. */
export function valueIn<Value extends string | number | boolean>(
  settings: Settings,
  name: string,
  fallback: Value,
): Value {
  const value = settingOf(settings, name)?.value
  return typeof value === typeof fallback ? (value as Value) : fallback
}

export function textIn(settings: Settings, name: string): string | null {
  const value = settingOf(settings, name)?.value
  return typeof value === 'string' ? value : null
}
