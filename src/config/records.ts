// Maps of keys and values, as YAML and JSON have them.

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns the kind of a value, in the words of somebody who writes a configuration. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number') return 'a number'
  if (typeof value === 'boolean') return 'true or false'
  return typeof value === 'object' ? 'a map' : `a ${typeof value}`
}

/** Returns the value itself if it is short; otherwise its kind. */
export function shown(value: unknown): string {
  if (typeof value === 'string' && value.length <= 60) return JSON.stringify(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return kindOf(value)
}
