// The screen and its parameters, after the `#`: they work below any path of a proxy, and names of clients stay out of its logs.

import { computed, signal } from '@preact/signals'

export const hash = signal(location.hash)

interface Route {
  readonly screen: string
  readonly query: URLSearchParams
}

export const route = computed<Route>(() => {
  const text = hash.value.replace(/^#\/?/, '')
  const at = text.indexOf('?')
  const screen = at < 0 ? text : text.slice(0, at)
  return { screen, query: new URLSearchParams(at < 0 ? '' : text.slice(at + 1)) }
})

addEventListener('hashchange', () => (hash.value = location.hash))

type Parameters = Readonly<Record<string, string | null>>

/** Returns the address of a screen. Names go into the query: parsers of URLs change paths such as `..`. */
export function to(screen: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== '') query.set(name, value)
  }
  const text = query.toString()
  return text === '' ? `#/${screen}` : `#/${screen}?${text}`
}

export function go(address: string): void {
  location.hash = address
}

/** Changes parameters of this screen, without a new entry in the browser's history. */
export function change(parameters: Parameters): void {
  const { screen, query } = route.value
  const all: Record<string, string | null> = Object.fromEntries(query)
  history.replaceState(null, '', to(screen, { ...all, ...parameters }))
  hash.value = location.hash
}
