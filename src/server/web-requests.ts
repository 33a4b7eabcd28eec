// HTTP requests to listeners: where they come in, and what is done with a fault.

import type { ListenerOptions } from '../transport/listener-options.ts'

/** Returns the URL of the first web listener for a browser on this machine; null for none. */
export function webUrlOf(
  listeners: readonly { readonly name: string; readonly port: number }[],
): string | null {
  const web = listeners.find(({ name }) => /^wss?:/.test(name))
  if (web === undefined) return null
  const scheme = web.name.startsWith('wss') ? 'https' : 'http'
  const [, host = ''] = /^wss?:\/\/(.*):\d+$/.exec(web.name) ?? []
  const isAny = ['127.0.0.1', '[::1]', '0.0.0.0', '[::]'].includes(host)
  return `${scheme}://${isAny ? 'localhost' : host}:${web.port}`
}

type RequestListener = NonNullable<ListenerOptions['onRequest']>

/** Reports what the listener throws, and ends that request only. */
export function contained(
  listener: RequestListener,
  failed: (error: unknown) => void,
): RequestListener {
  return (request, response, from) => {
    try {
      listener(request, response, from)
    } catch (error) {
      failed(error)
      response.destroy()
    }
  }
}
