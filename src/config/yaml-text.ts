// YAML, read in a time that grows with its length, because the API reads any text. The parser itself would compare each key of a map with
// all others, and show the place of each error in its sentence: 48 KB took 14 s.

import { type Document, isScalar, type LineCounter, parseDocument, visit, type YAMLMap } from 'yaml'

interface Mistake {
  readonly sentence: string
  readonly offset: number
}

/** The document may have mistakes: see `mistakeIn`. */
export function parseYaml(text: string, lineCounter?: LineCounter): Document {
  return parseDocument(text, {
    stringKeys: true,
    prettyErrors: false,
    uniqueKeys: false,
    ...(lineCounter !== undefined && { lineCounter }),
  })
}

/** Returns the first thing that is no YAML, or else a key that a map has twice; null if there is none. */
export function mistakeIn(document: Document): Mistake | null {
  const [error] = document.errors
  if (error !== undefined) return { sentence: error.message, offset: error.pos[0] }
  let offset: number | null = null
  visit(document, {
    Map: (_, map) => {
      offset = repeatedIn(map)
      return offset === null ? undefined : visit.BREAK
    },
  })
  return offset === null ? null : { sentence: 'Map keys must be unique', offset }
}

function repeatedIn(map: YAMLMap): number | null {
  const names = new Set<unknown>()
  for (const { key } of map.items) {
    if (!isScalar(key)) continue
    if (names.has(key.value)) return key.range?.[0] ?? 0
    names.add(key.value)
  }
  return null
}
