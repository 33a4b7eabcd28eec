// Refuses assignments to a broker. Some other brokers are configured by `broker.authenticate = …`, which would have no effect here.

import { nearest } from '../nearest.ts'

/** What to write instead, for members that are assigned in other brokers. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  authenticate: 'createBroker({ access: { authenticate } })',
  authorizePublish: 'createBroker({ access }): the verdict brings permissions.mayPublish',
  authorizeSubscribe: 'createBroker({ access }): the verdict brings permissions.maySubscribe',
  authorizeForward: 'createBroker({ access }): the verdict brings permissions.maySubscribe',
  preConnect: 'createBroker({ access: { authenticate } })',
  published: "broker.on('published', handler)",
  persistence: 'createBroker({ store })',
  access: 'createBroker({ access })',
  log: 'createBroker({ log })',
  store: 'createBroker({ store })',
}

/** Returns what to write instead of this name, or an empty string. */
export function elsewhere(name: string, known: readonly string[]): string {
  if (Object.hasOwn(ELSEWHERE, name)) return ` (${ELSEWHERE[name]})`
  const meant = nearest(name, known)
  return meant === null ? '' : ` (did you mean ${meant}?)`
}

/** Makes every member of `prototype` an own member of `object` that is bound to it and refuses assignments. */
export function seal(object: object, prototype: object): void {
  for (const [name, member] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor') continue
    const value: unknown = member.value
    const bound = typeof value === 'function' ? (value.bind(object) as unknown) : null
    Object.defineProperty(object, name, {
      get: () => bound ?? member.get?.call(object),
      set: () => {
        refuse(name, '')
      },
    })
  }
}

/** The end of the prototype chain, which catches assignments to unknown names. */
export function refusingPrototype(known: readonly string[]): object {
  return new Proxy(Object.create(null) as object, {
    get: (_target, name) => Reflect.get(Object.prototype, name) as unknown,
    has: (_target, name) => Reflect.has(Object.prototype, name),
    set: (_target, name) => refuse(String(name), elsewhere(String(name), known)),
    getPrototypeOf: () => null,
  })
}

function refuse(name: string, hint: string): never {
  throw new TypeError(`broker.${name} cannot be assigned to${hint}`)
}
