// Sizes as people write them: `10MB`, `16MiB`. Every key that is a number of bytes accepts them: `queuedBytesMax`, `bytesPerSecondMax`.

import { isRecord } from './records.ts'
import { unwrapped } from './schema-keys.ts'

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1_024,
  mib: 1_024 ** 2,
  gib: 1_024 ** 3,
  tib: 1_024 ** 4,
}

export function isSizeKey(key: string): boolean {
  return /bytes(?:PerSecond|PerUser)*(?:Max)?$/i.test(key)
}

/** Returns the number of bytes, or null when the text is not a size with a unit. */
function bytesIn(text: string): number | null {
  const [, count = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b)\s*$/i.exec(text) ?? []
  const factor = UNITS[unit.toLowerCase()]
  if (factor === undefined) return null
  const bytes = Number(count) * factor
  // Rounding: 1.1MB is exactly 1,100,000 bytes.
  const whole = Math.round(bytes)
  return Math.abs(bytes - whole) < 1e-3 ? whole : null
}

/** Returns the same values with sizes as numbers, for keys that are sizes. */
export function withSizes(value: unknown, schema: unknown): unknown {
  const { shape, rest } = unwrapped(schema)
  if (Array.isArray(value)) return value.map(each => withSizes(each, rest))
  if (!isRecord(value)) return value
  const entries = Object.entries(value).map(([key, each]) => {
    const inner = shape === null ? rest : Object.hasOwn(shape, key) ? shape[key] : undefined
    const isSize = shape !== null && inner !== undefined && isSizeKey(key)
    const sized = isSize && typeof each === 'string' ? (bytesIn(each) ?? each) : each
    return [key, withSizes(sized, inner)]
  })
  return Object.fromEntries(entries)
}
