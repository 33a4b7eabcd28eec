// The servers of a listener: their addresses, and the name of the listener.

import { createServer, isIPv6, type ListenOptions, type Server, type Socket } from 'node:net'
import type { ListenerOptions } from './listener-options.ts'
import { listenWithMask, prepareSocketPath, restrictSocketPath } from './unix-socket.ts'

/** The error codes of a system without IPv6. */
const NO_IPV6 = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']
const ATTEMPTS_MAX = 5
const OTHERS_MASK = 0o117
/** TCP keep-alive detects lost clients that have switched MQTT's keep-alive off. */
const TCP_KEEP_ALIVE_MS = 60_000

interface BindingEvents {
  accepted(socket: Socket): void
  /** A connection could not be accepted. */
  failed(cause: string): void
}

export class Binding {
  /** The URL with the actual port: `mqtt://127.0.0.1:1883`. */
  name: string
  port: number
  readonly #options: ListenerOptions
  readonly #events: BindingEvents
  readonly #server: Server
  /** The second server, for ::1, if the host is `localhost` and IPv6 is available. */
  readonly #second: Server
  /** Whether accepted sockets have the options of TCP already. */
  #areInherited = false

  constructor(options: ListenerOptions, events: BindingEvents) {
    this.#options = options
    this.#events = events
    this.port = options.port ?? 0
    this.name = this.#nameNow()
    // A connection that waits for its place is not read.
    const accepting = (): Server =>
      createServer({ pauseOnConnect: true }, socket => {
        if (!this.#areInherited) setOptions(socket)
        events.accepted(socket)
      })
    this.#server = accepting()
    this.#second = accepting()
  }

  get isOpen(): boolean {
    return this.#server.listening
  }

  /** Starts listening. Rejects with a sentence about the cause. */
  async open(): Promise<void> {
    const { path, host = 'localhost', port = 0 } = this.#options
    if (path !== undefined) {
      await prepareSocketPath(path)
      await this.#bind(this.#server, { path })
      await restrictSocketPath(path)
    } else if (host === 'localhost') {
      await this.#bindBoth(port)
    } else {
      await this.#bind(this.#server, { host, port })
    }
    this.#areInherited =
      path !== undefined || [this.#server, this.#second].every(server => passesOptionsOn(server))
    this.port = portOf(this.#server) ?? this.port
    this.name = this.#nameNow()
  }

  /** Stops accepting. Accepted connections continue. */
  async close(): Promise<void> {
    await Promise.all([closed(this.#server), closed(this.#second)])
  }

  /** `localhost` resolves to both addresses. Without IPv6 the first one is enough. */
  async #bindBoth(port: number): Promise<void> {
    for (let attempts = 1; ; attempts++) {
      await this.#bind(this.#server, { host: '127.0.0.1', port })
      try {
        await this.#bind(this.#second, { host: '::1', port: portOf(this.#server) ?? port })
        return
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException
        if (NO_IPV6.includes(code)) return
        await closed(this.#server)
        // Another program may use the port that the system chose at ::1.
        if (port !== 0 || code !== 'EADDRINUSE' || attempts === ATTEMPTS_MAX) throw error
      }
    }
  }

  async #bind(server: Server, where: ListenOptions): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(bindError(error, this.#nameOf(where))),
      )
      const listen = (): void => void server.listen({ ...where, backlog: 4_096 }, resolve)
      if (where.path === undefined) listen()
      else listenWithMask(OTHERS_MASK, listen)
    })
    server.removeAllListeners('error')
    server.on('error', error => this.#events.failed(error.message))
  }

  #nameNow(): string {
    const { path, host } = this.#options
    return this.#nameOf(path === undefined ? { host, port: this.port } : { path })
  }

  #nameOf({ path, host: given = 'localhost', port }: ListenOptions): string {
    const { protocol, tls } = this.#options
    const host = given === 'localhost' ? '127.0.0.1' : given
    const scheme = `${protocol}${tls === undefined ? '' : 's'}`
    if (path !== undefined) return `${scheme}+unix:${path}`
    return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`
  }
}

function setOptions(socket: Socket): void {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS)
}

interface ListeningHandle {
  setNoDelay(isOn: boolean): number
  setKeepAlive(isOn: boolean, seconds: number): number
}

/**
 * On Linux an accepted socket has the options of its listening socket. Setting them there saves five system calls a connection. Node has
 * no public way to do so; if its internals differ, each socket gets them.
 */
function passesOptionsOn(server: Server): boolean {
  if (!server.listening) return true
  const handle: unknown = Reflect.get(server, '_handle')
  if (process.platform !== 'linux' || !isListeningHandle(handle)) return false
  return handle.setNoDelay(true) === 0 && handle.setKeepAlive(true, TCP_KEEP_ALIVE_MS / 1_000) === 0
}

function isListeningHandle(handle: unknown): handle is ListeningHandle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'setNoDelay' in handle &&
    'setKeepAlive' in handle
  )
}

/** Null for a Unix socket. */
function portOf(server: Server): number | null {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : null
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return
  await new Promise<void>(resolve => {
    server.close(() => resolve())
  })
}

/** Makes an error with the system's code. */
function bindError(error: NodeJS.ErrnoException, name: string): Error {
  return Object.assign(new Error(bindSentence(error, name)), { code: error.code })
}

function bindSentence(error: NodeJS.ErrnoException, name: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `${name} is taken by another program.`
    case 'EACCES':
      return `${name} may not be used by this user. Ports below 1024 belong to root.`
    case 'EADDRNOTAVAIL':
      return `${name} has an address that this machine does not have.`
    default:
      return `${name} cannot be listened on: ${error.message}`
  }
}
