// Parses JSON of strangers: UTF-8, of limited depth, and no object may have a key twice. Parsers differ in which of two they take.

const DEPTH_MAX = 32
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class WrongJson extends Error {}

/** Throws WrongJson. */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decoded(bytes)
  const value = parsed(text)
  checkKeys(text)
  return value
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function decoded(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    throw new WrongJson('is not UTF-8')
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new WrongJson('is not JSON')
  }
}

/** A string with what follows it if it is a key, or a bracket. */
const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g

/** Throws for a key that is twice in its object, and for too many levels. The text is valid JSON. */
function checkKeys(text: string): void {
  const keys: (Set<string> | null)[] = []
  for (const [token, colon] of text.matchAll(TOKEN)) {
    if (token === '{') keys.push(new Set())
    else if (token === '[') keys.push(null)
    else if (token === '}' || token === ']') keys.pop()
    else if (colon !== undefined) addKey(keys.at(-1) ?? null, token.slice(0, -colon.length))
    if (keys.length > DEPTH_MAX) throw new WrongJson(`has more than ${DEPTH_MAX} levels`)
  }
}

/** `written` is the key with its quotes and escapes. */
function addKey(keys: Set<string> | null, written: string): void {
  const key = String(JSON.parse(written))
  if (keys?.has(key) === true) throw new WrongJson('has a key twice')
  keys?.add(key)
}
