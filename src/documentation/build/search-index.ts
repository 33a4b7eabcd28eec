// The index of the search: for each word the places where it stands. A place is a heading of a page.

import type { Page } from './pages.ts'
import type { Section } from './render.ts'

/** What the browser reads. Places in `words` are numbers of `places`; those in a heading are there twice. */
export interface SearchIndex {
  readonly places: readonly (readonly [address: string, page: string, heading: string])[]
  readonly words: Readonly<Record<string, readonly number[]>>
}

/** Shorter ones are in every text. */
const WORD_LENGTH_MIN = 2
const WORD_LENGTH_MAX = 40

export function searchIndex(
  pages: readonly { readonly page: Page; readonly sections: readonly Section[] }[],
): SearchIndex {
  const places: SearchIndex['places'][number][] = []
  const words = new Map<string, number[]>()
  for (const { page, sections } of pages) {
    for (const { anchor, heading, text } of sections) {
      const place = places.length
      const hash = anchor === '' || heading === page.title ? '' : `#${anchor}`
      places.push([`${page.address}${hash}`, page.title, heading])
      const inHeading = wordsOf(heading)
      for (const word of new Set([...inHeading, ...wordsOf(text)])) {
        const known = words.get(word) ?? []
        known.push(place)
        if (inHeading.has(word)) known.push(place)
        words.set(word, known)
      }
    }
  }
  const sorted = [...words].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return { places, words: Object.fromEntries(sorted) }
}

/** Whole words, and the parts of names such as `limits.queuedMessagesMax`. */
function wordsOf(text: string): ReadonlySet<string> {
  const words = new Set<string>()
  for (const [name] of text.matchAll(/[\p{L}\p{N}$][\p{L}\p{N}_.$-]*/gu)) {
    const parts = name.split(/[_.$-]+/)
    const inner = parts.flatMap(part => part.split(/(?<=\p{Ll})(?=\p{Lu})/u))
    for (const each of [name.replace(/[.-]+$/, ''), ...parts, ...inner]) {
      const word = each.toLowerCase()
      if (word.length >= WORD_LENGTH_MIN && word.length <= WORD_LENGTH_MAX) words.add(word)
    }
  }
  return words
}
