// Listeners on free ports with their accepted wires, and certificates for them.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { copyOfLent } from '../../src/packet/lent-bytes.ts'
import type { Test } from 'tap'
import type { LogFields } from '../../src/observe/log.ts'
import type { ListenerOptions } from '../../src/transport/listener-options.ts'
import { createListener, type Listener } from '../../src/transport/listener.ts'
import type { Acceptance, Wire } from '../../src/transport/wire.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')

/** A wire that has arrived, and what came over it. */
export class Arrived {
  readonly wire: Wire
  bytes: Buffer = Buffer.alloc(0)
  drains = 0
  /** Parts of something larger. */
  parts = 0
  /** Bytes that are kept of it, as they were told. */
  kept: number[] = []
  /** One entry for each time it was told that it is closed. */
  readonly closings: (string | null)[] = []
  /** Calls that no wire may make, such as one after it was closed. */
  readonly wrongs: string[] = []
  /** Called within `received`. */
  whenReceived: () => void = () => {}
  #isWithinCall = false
  #isDestroyed = false
  #changed: () => void = () => {}

  constructor(wire: Wire) {
    this.wire = wire
    wire.open({
      received: chunk => {
        this.#judge('received')
        this.bytes = Buffer.concat([this.bytes, copyOfLent(chunk)])
        this.whenReceived()
        this.#changed()
      },
      heard: () => {
        this.parts += 1
        this.#changed()
      },
      kept: bytes => {
        this.kept.push(bytes)
        this.#changed()
      },
      drained: () => {
        this.#judge('drained')
        this.drains += 1
        this.#changed()
      },
      closed: cause => {
        if (this.#isWithinCall) this.wrongs.push('closed within a call of the wire')
        this.closings.push(cause)
        this.#changed()
      },
    })
  }

  /** Calls the wire, which must not call back meanwhile. */
  calls<Answer>(call: (wire: Wire) => Answer): Answer {
    this.#isWithinCall = true
    const answer = call(this.wire)
    this.#isWithinCall = false
    return answer
  }

  /** Destroys the wire. Nothing but `closed` may follow. */
  destroys(): void {
    this.calls(wire => wire.destroy())
    this.#isDestroyed = true
  }

  #judge(name: string): void {
    if (this.#isWithinCall) this.wrongs.push(`${name} within a call of the wire`)
    if (this.closings.length > 0) this.wrongs.push(`${name} after closed`)
    if (this.#isDestroyed) this.wrongs.push(`${name} after destroy`)
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>(changed => (this.#changed = changed))
  }

  async receives(bytes: number): Promise<string> {
    await this.until(() => this.bytes.length >= bytes)
    return this.bytes.toString('latin1')
  }

  async closes(): Promise<string | null> {
    await this.until(() => this.closings.length > 0)
    return this.closings[0] ?? null
  }
}

export class World {
  readonly listener: Listener
  readonly warnings: LogFields[] = []
  /** What the listener knew of each wire. */
  readonly acceptances: Acceptance[] = []
  readonly #arrived: Arrived[] = []
  #waiting: ((arrived: Arrived) => void)[] = []

  private constructor(options: Partial<ListenerOptions>) {
    const log = {
      debug: () => {},
      info: () => {},
      warn: (fields: LogFields) => this.warnings.push(fields),
      error: () => {},
    }
    const arrival = (wire: Wire, acceptance: Acceptance): void => {
      const arrived = new Arrived(wire)
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#arrived.push(arrived)
      else waiting(arrived)
      this.acceptances.push(acceptance)
      acceptance.hasConnect()
    }
    const whole = { protocol: 'mqtt' as const, port: 0, connectionsMax: 1_000, ...options }
    this.listener = createListener(whole, arrival, log)
  }

  static async listening(t: Test, options: Partial<ListenerOptions> = {}): Promise<World> {
    const world = new World(options)
    await world.listener.start()
    t.teardown(() => world.listener.close())
    return world
  }

  /** How many have arrived and nobody asked for. */
  get unclaimed(): number {
    return this.#arrived.length
  }

  async arrives(): Promise<Arrived> {
    return this.#arrived.shift() ?? new Promise(resolve => this.#waiting.push(resolve))
  }

  /** A plain socket to the listener. */
  async connects(t: Test): Promise<Socket> {
    const socket = connect(this.listener.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    await new Promise<void>(connected => socket.once('connect', connected))
    return socket
  }
}

/** All that the socket says until it is closed. */
export async function everythingFrom(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('error', () => {})
  if (!socket.destroyed) await new Promise<void>(closed => socket.once('close', closed))
  return text
}

/** Makes certificates in the directory: ca.crt, server.crt, and one for the client, each with its key. */
export function makeCertificates(directory: string, client = 'device', ...names: string[]): void {
  execFileSync(resolve(ROOT, 'certs/make-certs.sh'), [directory, client, ...names], {
    stdio: 'ignore',
  })
}

let certificates: { readonly certFile: string; readonly keyFile: string } | null = null

/** A certificate for listeners, made once for all tests of a file. */
export function serverCertificate(): { readonly certFile: string; readonly keyFile: string } {
  if (certificates !== null) return certificates
  const directory = mkdtempSync(resolve(tmpdir(), 'certificates-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  makeCertificates(directory)
  certificates = {
    certFile: resolve(directory, 'server.crt'),
    keyFile: resolve(directory, 'server.key'),
  }
  return certificates
}

export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 5))
}
