// Texts that records refer to by number. Each text is kept once, as long as a record refers to it.

import { ChurnMap } from '../routing/churn-map.ts'
import { textBytes } from '../message.ts'
import { shortened } from '../packet/text.ts'

interface Entry {
  readonly text: string
  readonly id: number
  references: number
}

/** A longer text is cut. */
const TEXT_BYTES_MAX = 128
/** The heap bytes of a text besides its characters: its entries in the map and in the list. */
const ENTRY_BYTES = 120
/** The number of no text. */
const NO_TEXT = 0

export class Texts {
  /** The heap bytes of all texts. */
  bytes = 0
  readonly #byText = new ChurnMap<string, Entry>()
  readonly #byId: (Entry | null)[] = [null]
  readonly #free: number[] = []

  /** Returns the number of the text, and counts one more reference to it. */
  take(text: string | null): number {
    if (text === null || text === '') return NO_TEXT
    const cut = shortened(text, TEXT_BYTES_MAX)
    const known = this.#byText.get(cut)
    if (known !== null) {
      known.references += 1
      return known.id
    }
    const id = this.#free.pop() ?? this.#byId.length
    const entry = { text: cut, id, references: 1 }
    this.#byId[id] = entry
    this.#byText.set(cut, entry)
    this.bytes += ENTRY_BYTES + textBytes(cut)
    return id
  }

  /** Counts one reference less. */
  release(id: number): void {
    const entry = this.#byId[id] ?? null
    if (entry === null) return
    entry.references -= 1
    if (entry.references > 0) return
    this.#byId[id] = null
    this.#free.push(id)
    this.#byText.delete(entry.text)
    this.bytes -= ENTRY_BYTES + textBytes(entry.text)
  }

  /** Returns the number of a text that is referred to, or null. */
  find(text: string | null): number | null {
    if (text === null || text === '') return NO_TEXT
    return this.#byText.get(shortened(text, TEXT_BYTES_MAX))?.id ?? null
  }

  /** Returns the text, or null for `NO_TEXT`. */
  of(id: number): string | null {
    return this.#byId[id]?.text ?? null
  }
}
