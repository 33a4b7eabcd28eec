// Several observers as one. Those that do not listen to a thing cost nothing when it happens.

import { type Observer, OBSERVED } from '../broker/observer.ts'

export function observeAll(observers: readonly Observer[]): Observer {
  const all: Observer = {}
  for (const name of OBSERVED) {
    const listening = observers.filter(observer => observer[name] !== undefined)
    if (listening.length === 0) continue
    const telling = (...facts: readonly unknown[]): void => {
      for (const observer of listening) {
        const told = observer[name]
        if (told !== undefined) Reflect.apply(told, observer, facts)
      }
    }
    Object.assign(all, { [name]: telling })
  }
  return all
}
