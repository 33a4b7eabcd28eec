// The broker of a threat: a process of its own, bytes that attack it from several addresses, and clients that it must not disturb.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import mqtt, { type MqttClient } from 'mqtt'
import type { Test } from 'tap'
import type { Status } from '../../src/observe/status.ts'
import { BrokerProcess } from '../observe/broker-process.ts'

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** A CONNECT of this version, with a client id of one character. */
export function connectPacket(version: 4 | 5, clientId = 'a'): Buffer {
  const properties = version === 5 ? '00' : ''
  const id = Buffer.from(clientId)
  const length = 12 + id.length + properties.length / 2
  const head = `10 ${length.toString(16).padStart(2, '0')} 0004 4d515454 0${version} 02 0000`
  return Buffer.concat([
    hex(`${head} ${properties} 00 ${id.length.toString(16).padStart(2, '0')}`),
    id,
  ])
}

/** The beginning of a CONNECT of `size` bytes: all but the last byte of its will. */
export function unfinishedConnect(size: number): Buffer {
  const bytes = Buffer.alloc(size - 1, 'x')
  const length = size - 4
  const head = [0x10, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]
  bytes.set(Buffer.from([...head, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0x82, 0, 0, 0, 1, 0x61]))
  bytes.writeUInt16BE(size - 17 - 2, 17)
  return bytes
}

export class Rig {
  readonly broker: BrokerProcess
  readonly webPort: number

  private constructor(broker: BrokerProcess) {
    this.broker = broker
    this.webPort = broker.ports[1] ?? 0
    broker.logged('reads')
  }

  /** The first listener is plain MQTT, the second one HTTP; `more` follow. */
  static async started(
    t: Test,
    limits: Readonly<Record<string, unknown>>,
    more: readonly object[] = [],
    rest: Readonly<Record<string, unknown>> = {},
  ): Promise<Rig> {
    const listeners = [{ port: 0 }, { protocol: 'ws', port: 0 }, ...more]
    return new Rig(await BrokerProcess.started(t, { listeners, limits, ...rest }))
  }

  async status(): Promise<Status> {
    const answer = await fetch(`http://127.0.0.1:${this.webPort}/api/v1/status`)
    return (await answer.json()) as Status
  }

  async limited(name: string): Promise<number> {
    return (await this.status()).limited[name] ?? 0
  }

  /** The memory of the process in bytes. */
  get residentBytes(): number {
    const text = readFileSync(`/proc/${this.broker.process.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) * 1_024
  }

  /** Opens a connection from this address and sends the bytes. It may be closed at once. */
  async attacker(
    t: Test,
    bytes: Buffer | string = '',
    localAddress = '127.0.0.2',
    listener = 0,
  ): Promise<Attacker> {
    const port = this.broker.ports[listener] ?? 0
    const attacker = new Attacker(connect({ port, host: '127.0.0.1', localAddress }))
    t.teardown(() => attacker.socket.destroy())
    await once(attacker.socket, 'connect')
    if (bytes.length > 0) attacker.socket.write(bytes)
    return attacker
  }

  /** A fresh client comes in and its message goes round. */
  async isAlive(t: Test, clientId = 'fresh'): Promise<boolean> {
    const client = await this.client(t, { clientId })
    const heard = new Promise<void>(resolve => client.once('message', () => resolve()))
    await client.subscribeAsync('alive', { qos: 1 })
    await client.publishAsync('alive', 'yes', { qos: 1 })
    await heard
    await client.endAsync()
    return true
  }

  async client(t: Test, options: Readonly<Record<string, unknown>> = {}): Promise<MqttClient> {
    const port = this.broker.ports[0] ?? 0
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      reconnectPeriod: 0,
      ...options,
    })
    t.teardown(() => client.end(true))
    return client
  }

  /** What the log says of this event, with its cause. */
  async logs(event: string, cause: RegExp): Promise<void> {
    await this.broker.prints(lines =>
      lines.some(line => line.event === event && cause.test(String(line['cause']))),
    )
  }
}

export class Attacker {
  readonly socket: Socket
  heard = Buffer.alloc(0)
  readonly #closed: Promise<void>

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', chunk => (this.heard = Buffer.concat([this.heard, chunk])))
    this.#closed = new Promise(resolve => socket.once('close', () => resolve()))
  }

  /** Resolves with all that it was told, when the broker has closed. */
  async closes(): Promise<string> {
    await this.#closed
    return this.heard.toString('hex')
  }

  async hears(bytes: number): Promise<string> {
    while (this.heard.length < bytes && !this.socket.destroyed) {
      await Promise.race([once(this.socket, 'data'), this.#closed])
    }
    return this.heard.toString('hex')
  }
}
