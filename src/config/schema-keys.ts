// The keys of the schema by their path: for suggestions, variables and sizes.

interface Unwrapped {
  /** The members of an object. */
  readonly shape: Record<string, unknown> | null
  /** What an array or a record holds. */
  readonly rest: unknown
  /** `object`, `array`, `record`, `string`, `number` and so on. */
  readonly type: string
}

/** The keys that the schema has at this path. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const { shape } = unwrapped(schemaAt(schema, path))
  return shape === null ? [] : Object.keys(shape)
}

/** What the schema has at this path, or undefined. */
export function schemaAt(schema: unknown, path: readonly PropertyKey[]): unknown {
  const [first, ...more] = path
  if (first === undefined) return schema
  const { shape, rest } = unwrapped(schema)
  if (shape === null) return rest === null ? undefined : schemaAt(rest, more)
  return Object.hasOwn(shape, first) ? schemaAt(shape[String(first)], more) : undefined
}

/** Sees through defaults, optionals and nullables. */
export function unwrapped(schema: unknown): Unwrapped {
  const definition = (schema as { def?: Record<string, unknown> } | undefined)?.def
  if (definition === undefined) return { shape: null, rest: null, type: '' }
  if ('innerType' in definition) return unwrapped(definition['innerType'])
  const type = String(definition['type'])
  if ('shape' in definition) {
    return { shape: definition['shape'] as Record<string, unknown>, rest: null, type }
  }
  const rest = definition['element'] ?? definition['valueType'] ?? null
  return { shape: null, rest, type }
}
