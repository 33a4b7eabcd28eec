// A broker process that is attacked, and bystanders: clients that must not notice the attack.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { json } from 'node:stream/consumers'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import type { Status } from '../../src/observe/status.ts'
import { BrokerProcess, type Line } from '../observe/broker-process.ts'

const PAIRS = 5
/** The API answers 20 requests a second. */
const TOO_MANY_REQUESTS = 429
const REQUEST_PAUSE_MS = 100
/** A weak hash, so that logins of tests cost little. */
const ITERATIONS = 101

/** Clients that must not be disturbed come from another one. */
const ATTACKER_ADDRESS = '127.0.0.2'

interface AttackerOptions {
  readonly from?: string
  /** The number of the listener. */
  readonly listener?: number
}

/** All attackers come from one address here, and stand for many. */
const ONE_FOR_MANY = { strangersPerAddressMax: 0, connectionsPerSecondPerAddressMax: 0 }

export class AttackedBroker {
  readonly process: BrokerProcess
  #bystanders: readonly Bystanders[] = []

  private constructor(broker: BrokerProcess) {
    this.process = broker
  }

  /** Has a TCP listener and a WebSocket listener. */
  static async started(
    t: Test,
    config: Readonly<Record<string, unknown>> = {},
    files: Readonly<Record<string, string>> = {},
    nodeFlags: readonly string[] = [],
  ): Promise<AttackedBroker> {
    const listeners = [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: 0, protocol: 'ws' },
    ]
    const whole = { listeners, ...config, limits: { ...ONE_FOR_MANY, ...Object(config['limits']) } }
    const process = await BrokerProcess.started(t, whole, files, nodeFlags)
    process.logged('reads')
    return new AttackedBroker(process)
  }

  get port(): number {
    return this.process.ports[0] ?? 0
  }

  get webPort(): number {
    return this.process.ports[1] ?? 0
  }

  get lines(): readonly Line[] {
    return this.process.lines
  }

  /** The path of a file beside the configuration. */
  pathOf(name: string): string {
    return resolve(this.process.directory, name)
  }

  /** The memory of the process that is in use. */
  get rssBytes(): number {
    const status = readFileSync(`/proc/${this.process.process.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024
  }

  /** The same when all is loaded that is loaded once: the API is with the first request. */
  async restingBytes(): Promise<number> {
    await this.status()
    return this.rssBytes
  }

  async status(): Promise<Status> {
    // A connection of its own: one that is kept may be closed while it is used again.
    const request = { host: '127.0.0.1', port: this.webPort, path: '/api/v1/status', agent: false }
    for (;;) {
      const answer = await new Promise<IncomingMessage>((answered, failed) =>
        get(request, answered).once('error', failed),
      )
      const said = await json(answer)
      if (answer.statusCode !== TOO_MANY_REQUESTS) return said as Status
      await new Promise(passed => setTimeout(passed, REQUEST_PAUSE_MS))
    }
  }

  /** How often the limit was reached. */
  async limited(name: string): Promise<number> {
    return (await this.status()).limited[name] ?? 0
  }

  /** Waits until the log has this event with such a cause. */
  async logs(event: string, cause: RegExp): Promise<void> {
    await this.process.prints(lines =>
      lines.some(line => line.event === event && cause.test(String(line['cause']))),
    )
  }

  /** Opens a connection that sends these bytes; it may be closed at once. */
  async attacker(
    t: Test,
    bytes: Buffer | string = '',
    { from = ATTACKER_ADDRESS, listener = 0 }: AttackerOptions = {},
  ): Promise<RawSocket> {
    const attacker = await RawSocket.to(this.process.ports[listener] ?? 0, from)
    t.teardown(() => attacker.socket.destroy())
    if (bytes.length > 0) attacker.socket.write(bytes)
    return attacker
  }

  client(options: IClientOptions = {}): Promise<MqttClient> {
    const url = `mqtt://127.0.0.1:${this.port}`
    return mqtt.connectAsync(url, { reconnectPeriod: 0, ...options })
  }

  /** A client, and the topics of all messages that it gets from its CONNACK on. */
  async listener(
    options: IClientOptions,
  ): Promise<{ readonly client: MqttClient; readonly heard: string[] }> {
    const client = mqtt.connect(`mqtt://127.0.0.1:${this.port}`, { reconnectPeriod: 0, ...options })
    const heard: string[] = []
    client.on('message', topic => void heard.push(topic))
    await new Promise<void>((connected, failed) => {
      client.once('connect', () => connected())
      client.once('error', failed)
    })
    return { client, heard }
  }

  /** Starts the traffic of the bystanders. `options` are for their CONNECT. */
  async isWatched(options: IClientOptions = {}): Promise<void> {
    const pairs = Array.from({ length: PAIRS }, (_, index) => Bystanders.of(this, index, options))
    this.#bystanders = await Promise.all(pairs)
  }

  /** A new client comes in, and its message goes round. */
  async serves(options: IClientOptions = {}): Promise<void> {
    const fresh = await this.client({ clientId: 'fresh', protocolVersion: 5, ...options })
    await fresh.subscribeAsync('fresh', { qos: 1 })
    const arrival = arrivalAt(fresh)
    await fresh.publishAsync('fresh', 'x', { qos: 1 })
    await arrival
    await fresh.endAsync()
  }

  /** After the attack: the process lives, a new client is served, no bystander was disturbed, and no secret is in the log. */
  async hasSurvived(
    t: Test,
    secrets: readonly string[] = [],
    options: IClientOptions = {},
  ): Promise<void> {
    for (const each of this.#bystanders) t.strictSame(await each.ends(), UNDISTURBED)
    await this.serves(options)
    t.equal(this.process.process.exitCode, null, 'the process lives')
    const log = JSON.stringify(this.lines)
    for (const secret of secrets) t.notOk(log.includes(secret), 'no secret is in the log')
  }
}

/** Waits for the next message, and returns its topic. */
export function arrivalAt(client: MqttClient): Promise<string> {
  return new Promise(arrives => client.once('message', arrives))
}

interface Outcome {
  readonly lost: number
  readonly closed: number
}

const UNDISTURBED: Outcome = { lost: 0, closed: 0 }

/** A publisher at QoS 1 and a durable subscriber, who send and receive until they are ended. */
class Bystanders {
  readonly #publisher: MqttClient
  readonly #subscriber: MqttClient
  readonly #topic: string
  readonly #received = new Set<string>()
  #acknowledged = 0
  #closed = 0
  #isEnding = false
  readonly #done: Promise<void>

  private constructor(publisher: MqttClient, subscriber: MqttClient, topic: string) {
    this.#publisher = publisher
    this.#subscriber = subscriber
    this.#topic = topic
    for (const each of [publisher, subscriber]) each.on('close', () => (this.#closed += 1))
    subscriber.on('message', (_, payload) => void this.#received.add(payload.toString()))
    this.#done = this.#publishes()
  }

  static async of(
    broker: AttackedBroker,
    index: number,
    options: IClientOptions,
  ): Promise<Bystanders> {
    const topic = `bystanders/${index}`
    const durable = { clientId: `subscriber-${index}`, clean: false, ...options }
    const subscriber = await broker.client(durable)
    await subscriber.subscribeAsync(topic, { qos: 1 })
    const publisher = await broker.client({ clientId: `publisher-${index}`, ...options })
    return new Bystanders(publisher, subscriber, topic)
  }

  /** Returns the number of acknowledged messages that did not arrive, and of connections that were closed. */
  async ends(): Promise<Outcome> {
    this.#isEnding = true
    await this.#done
    // What was acknowledged before this message is delivered before it.
    if (this.#closed === 0) await this.#lastArrives()
    const outcome = { lost: this.#acknowledged - this.#received.size, closed: this.#closed }
    await Promise.all([this.#publisher.endAsync(true), this.#subscriber.endAsync(true)])
    return outcome
  }

  async #lastArrives(): Promise<void> {
    await this.#publisher.publishAsync(this.#topic, 'last', { qos: 1 })
    this.#acknowledged += 1
    while (!this.#received.has('last')) await arrivalAt(this.#subscriber)
  }

  async #publishes(): Promise<void> {
    while (!this.#isEnding && this.#closed === 0) {
      const sent = await this.#publisher
        .publishAsync(this.#topic, String(this.#acknowledged), { qos: 1 })
        .catch(() => null)
      if (sent === null) return
      this.#acknowledged += 1
      await new Promise(passed => setTimeout(passed, 2))
    }
  }
}

/** A socket of an attacker, who writes bytes and keeps what comes. */
export class RawSocket {
  readonly socket: Socket
  readonly #chunks: Buffer[] = []
  /** All bytes that came, once the connection is closed. */
  readonly closed: Promise<Buffer>

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', chunk => void this.#chunks.push(chunk))
    this.closed = new Promise(closed =>
      socket.once('close', () => closed(Buffer.concat(this.#chunks))),
    )
  }

  /** A client of 3.1.1 or 5.0 after its CONNACK. */
  static async connected(port: number, version: 4 | 5, clientId = 'a'): Promise<RawSocket> {
    const socket = await RawSocket.to(port)
    const properties = version === 5 ? '00' : ''
    const id = Buffer.from(clientId)
    const byte = (value: number): string => value.toString(16).padStart(2, '0')
    const length = byte(12 + id.length + properties.length / 2)
    const head = `10 ${length} 0004 4d515454 0${version} 02 003c ${properties}`
    socket.writes(`${head} 00 ${byte(id.length)} ${id.toString('hex')}`)
    const connack = await socket.hears(2)
    await socket.hears(2 + (connack[1] ?? 0))
    return socket
  }

  static async to(port: number, localAddress = '127.0.0.1'): Promise<RawSocket> {
    const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true })
    const raw = new RawSocket(socket)
    await once(socket, 'connect')
    return raw
  }

  get heard(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Writes bytes in hexadecimal; spaces are free. */
  writes(hex: string): void {
    this.socket.write(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  }

  /** Waits until so many bytes have come, and returns all in hexadecimal. */
  async told(bytes: number): Promise<string> {
    return (await this.hears(bytes)).toString('hex')
  }

  /** Waits until the connection is closed, and returns all that came in hexadecimal. */
  async closes(): Promise<string> {
    return (await this.closed).toString('hex')
  }

  /** Waits until so many bytes have come. */
  async hears(bytes: number): Promise<Buffer> {
    while (this.heard.length < bytes && !this.socket.closed)
      await Promise.race([new Promise(came => this.socket.once('data', came)), this.closed])
    return this.heard
  }
}

/** The lines of a password file. */
export function passwordsOf(users: Readonly<Record<string, string>>): string {
  return Object.entries(users)
    .map(([name, password]) => {
      const hash = formatHash(newPbkdf2(Buffer.from(password), ITERATIONS))
      return `${name}:${hash}\n`
    })
    .join('')
}
