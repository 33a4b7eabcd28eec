// A TCP proxy that cuts its connections when it is told to.

import { connect, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export class CuttingProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Whether the target has answered on the latest connection. */
  #isAnswered = false
  cuts = 0

  private constructor(target: number) {
    this.#server = createServer(near => {
      const far = connect(target, '127.0.0.1')
      this.#isAnswered = false
      far.once('data', () => (this.#isAnswered = true))
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from.pipe(to)
        from.on('error', () => {})
        from.on('close', () => {
          this.#sockets.delete(from)
          to.destroy()
        })
      }
    })
  }

  static async to(target: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /**
   * Not before the target has answered CONNECT: mosquitto 2.0.11 publishes a message of QoS 2 anew although it has its PUBREC, if
   * a connection on which PUBREL was to be sent again ends before that.
   */
  cut(): void {
    if (this.#sockets.size === 0 || !this.#isAnswered) return
    this.cuts += 1
    this.#cutAll()
  }

  close(): void {
    this.#server.close()
    this.#cutAll()
  }

  #cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}
