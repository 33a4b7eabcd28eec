// Several observers as one. Those that do not listen to a thing cost nothing when it happens.

import type { Observer } from '../broker/observer.ts'

export function observeAll(observers: readonly Observer[]): Observer {
  const all: Observer = {}
  const listening = <Name extends keyof Observer>(name: Name): Observer[] =>
    observers.filter(observer => observer[name] !== undefined)
  const connected = listening('connected')
  const disconnected = listening('disconnected')
  const refused = listening('refused')
  const subscribed = listening('subscribed')
  const subscribeRefused = listening('subscribeRefused')
  const unsubscribed = listening('unsubscribed')
  const published = listening('published')
  const publishRefused = listening('publishRefused')
  const dropped = listening('dropped')
  if (connected.length > 0)
    all.connected = (...facts) => connected.forEach(each => each.connected?.(...facts))
  if (disconnected.length > 0)
    all.disconnected = (...facts) => disconnected.forEach(each => each.disconnected?.(...facts))
  if (refused.length > 0)
    all.refused = (...facts) => refused.forEach(each => each.refused?.(...facts))
  if (subscribed.length > 0)
    all.subscribed = (...facts) => subscribed.forEach(each => each.subscribed?.(...facts))
  if (subscribeRefused.length > 0)
    all.subscribeRefused = (...facts) =>
      subscribeRefused.forEach(each => each.subscribeRefused?.(...facts))
  if (unsubscribed.length > 0)
    all.unsubscribed = (...facts) => unsubscribed.forEach(each => each.unsubscribed?.(...facts))
  if (published.length > 0)
    all.published = (...facts) => published.forEach(each => each.published?.(...facts))
  if (publishRefused.length > 0)
    all.publishRefused = (...facts) =>
      publishRefused.forEach(each => each.publishRefused?.(...facts))
  if (dropped.length > 0)
    all.dropped = (...facts) => dropped.forEach(each => each.dropped?.(...facts))
  return all
}
