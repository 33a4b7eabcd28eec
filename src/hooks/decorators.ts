// Members that plugins add to the broker and to their scopes. One is seen where it was added and in the plugins within, nowhere else.

/** What `decorate` adds, by name. A program declares its own: `declare module 'pondhawk' { interface Decorations { … } }`. */
export interface Decorations {}

/** A value, or `{ getter }`, which is called at each reading. */
export type Decoration<Name extends string> = Name extends keyof Decorations
  ? Decorations[Name] | { readonly getter: () => Decorations[Name] }
  : unknown

/** Members that a scope has, or that would be taken for a promise's. */
const RESERVED: ReadonlySet<string> = new Set([
  'addHook',
  'broker',
  'constructor',
  'decorate',
  'hasDecorator',
  'name',
  'prefix',
  'register',
  'then',
])

interface Added {
  readonly descriptor: PropertyDescriptor
  readonly by: string
}

export class Decorators {
  readonly #holder: object
  readonly #added = new Map<string, Added>()
  readonly #within: Decorators[] = []

  /** `holder`: the object that gets the members. */
  constructor(holder: object) {
    this.#holder = holder
  }

  /** Returns those of a scope within, which gets all that is here, also later. */
  within(holder: object): Decorators {
    const scope = new Decorators(holder)
    this.#within.push(scope)
    for (const [name, added] of this.#added) scope.#give(name, added)
    return scope
  }

  has(name: string): boolean {
    return this.#added.has(name)
  }

  /** Returns why the name cannot be added, or null when it is. `by`: who adds it, for who adds it again. */
  add(name: unknown, value: unknown, by: string): string | null {
    if (typeof name !== 'string' || name === '') return 'the name is no text'
    const taken = this.#added.get(name)
    if (taken !== undefined) return `${taken.by} has added it`
    if (RESERVED.has(name) || name in this.#holder) return 'it is a member already'
    this.#give(name, { descriptor: descriptorOf(value), by })
    return null
  }

  /** A plugin that has added the name keeps its own. */
  #give(name: string, added: Added): void {
    if (this.#added.has(name)) return
    this.#added.set(name, added)
    Object.defineProperty(this.#holder, name, added.descriptor)
    for (const scope of this.#within) scope.#give(name, added)
  }
}

/** Nobody can assign to the member. */
function descriptorOf(value: unknown): PropertyDescriptor {
  const isGetter = typeof value === 'object' && value !== null && 'getter' in value
  if (!isGetter || typeof value.getter !== 'function') return { value, enumerable: true }
  const { getter } = value
  return { get: () => getter() as unknown, enumerable: true }
}
