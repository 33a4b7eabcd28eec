// The keys of the schema by their path: for suggestions, variables and sizes.

interface Unwrapped {
  /** The members of an object. */
  readonly shape: Record<string, unknown> | null
  /** The element of an array or record. */
  readonly rest: unknown
  /** `object`, `array`, `record`, `string`, `number` and so on. */
  readonly type: string
}

/** Returns the keys of the schema at this path. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const { shape } = unwrapped(schemaAt(schema, path))
  return shape === null ? [] : Object.keys(shape)
}

/** Returns the schema at this path, or undefined. */
export function schemaAt(schema: unknown, path: readonly PropertyKey[]): unknown {
  const [first, ...more] = path
  if (first === undefined) return schema
  const { shape, rest } = unwrapped(schema)
  if (shape === null) return rest === null ? undefined : schemaAt(rest, more)
  return Object.hasOwn(shape, first) ? schemaAt(shape[String(first)], more) : undefined
}

/** Unwraps defaults, optionals and nullables. */
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
