// A client of the broker in its own process, without a socket: MQTT 5 over a stream in memory. Messages of QoS 1 and 2 are acknowledged
// when the program has done with them, so that the broker holds the next ones back.

import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { checkedPublication, type Publication } from '../loop/publication.ts'
import { decode } from '../packet/decode.ts'
import { encode } from '../packet/encode.ts'
import { PACKET_BYTES_MAX } from '../packet/fixed-header.ts'
import { Framer } from '../packet/framer.ts'
import {
  type ConnackPacket,
  type ConnectPacket,
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type PublishPacket,
  type QoS,
  type SubscriptionRequest,
} from '../packet/packet.ts'
import { isFailure, type ReasonCode, reasonName, SUCCESS } from '../packet/reason.ts'

/** The most messages of QoS 0 that wait for the program. More are dropped and counted. */
const UNREAD_MAX = 1_000

/** The most packets that wait for their acknowledgement. MQTT has 65,535 packet identifiers. */
const UNANSWERED_MAX = 65_535

export interface ProgramClientOptions {
  /** Left out: the broker makes one. */
  readonly clientId?: string
  /** With a user name it is authenticated as any client. Without one it may do what the program may. */
  readonly username?: string
  readonly password?: string | Buffer
  readonly cleanStart?: boolean
  /** How long its session stays when it has ended. Left out: not at all. */
  readonly sessionExpirySeconds?: number
  /** The most messages of QoS 1 and 2 that it holds at once. Left out: 100. */
  readonly receiveMax?: number
}

export interface SubscribeOptions extends Partial<Omit<SubscriptionRequest, 'filter'>> {
  /** Which of the matching messages it wants. Left out: all. */
  readonly where?: string
}

/** A message that it has received. */
export interface ReceivedMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly duplicate: boolean
  readonly properties: Properties
}

type Answer = Extract<Packet, { readonly packetId: number }>

/** The broker has refused something. `reason` is its code, or null when the connection has ended. */
export class ClientRefused extends Error {
  readonly code = 'ERR_REFUSED'
  readonly reason: ReasonCode | null

  constructor(what: string, reason: ReasonCode | null) {
    super(`${what}: ${reason === null ? 'the connection has ended' : reasonName(reason)}`)
    this.name = 'ClientRefused'
    this.reason = reason
  }
}

// Wide on purpose: the whole state of one connection.
export class ProgramClient implements AsyncIterable<ReceivedMessage> {
  /** Messages of QoS 0 that were dropped because the program did not take them. */
  dropped = 0
  #clientId = ''
  #sessionPresent = false
  readonly #stream: Duplex
  readonly #framer = new Framer(PACKET_BYTES_MAX)
  readonly #waiting = new Map<number, (answer: Answer | null) => void>()
  #unread: PublishPacket[] = []
  /** Iterators that wait for a message. */
  readonly #waiters: (() => void)[] = []
  #opened: (packet: ConnackPacket | null) => void = () => {}
  #packetId = 0
  /** Resolves when the broker has taken what was sent; null when it has. */
  #room: Promise<void> | null = null
  #roomIsThere: () => void = () => {}
  #isOver = false
  /** Resolves when DISCONNECT was sent and the connection has ended; null before. */
  #end: Promise<unknown> | null = null
  readonly #onDrop: () => void

  constructor(stream: Duplex, onDrop: () => void) {
    this.#stream = stream
    this.#onDrop = onDrop
    stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    stream.on('drain', () => this.#roomIsThere())
    stream.on('error', () => this.#over())
    stream.on('end', () => stream.end())
    stream.on('close', () => this.#over())
  }

  get clientId(): string {
    return this.#clientId
  }

  get sessionPresent(): boolean {
    return this.#sessionPresent
  }

  get isConnected(): boolean {
    return !this.#isOver
  }

  /** Rejects when the broker refuses it. */
  async connect(options: ProgramClientOptions): Promise<this> {
    const answer = new Promise<ConnackPacket | null>(resolve => (this.#opened = resolve))
    try {
      this.#send(connectOf(options))
    } catch (error) {
      // The far end is told of an end, and not of a destruction.
      this.#stream.end()
      throw error
    }
    const packet = await answer
    if (packet === null || isFailure(packet.reason)) {
      this.#stream.destroy()
      throw new ClientRefused('CONNECT was refused', packet?.reason ?? null)
    }
    this.#clientId = packet.properties.assignedClientIdentifier ?? options.clientId ?? ''
    this.#sessionPresent = packet.sessionPresent
    return this
  }

  /**
   * Resolves when the message is acknowledged as its QoS asks; with QoS 0 when it is sent and the broker has room for more. Rejects when it
   * is refused.
   */
  async publish(publication: Publication): Promise<void> {
    const { topic, said } = checkedPublication(publication)
    const { qos } = said
    const packetId = qos === 0 ? 0 : this.#nextPacketId()
    const packet: PublishPacket = { type: 'publish', duplicate: false, packetId, topic, ...said }
    if (qos === 0) {
      if (this.#isOver || this.#end !== null) {
        throw new ClientRefused('PUBLISH was not sent', null)
      }
      this.#send(packet)
      await this.#hasRoom()
      return
    }
    const answer = await this.#asked(packet)
    if (answer?.type !== 'puback' && answer?.type !== 'pubrec') {
      throw new ClientRefused('PUBLISH was not acknowledged', null)
    }
    if (isFailure(answer.reason)) throw new ClientRefused('PUBLISH was refused', answer.reason)
    if (qos === 1) return
    const release = {
      type: 'pubrel',
      packetId,
      reason: SUCCESS,
      properties: NO_PROPERTIES,
    } as const
    if ((await this.#asked(release)) === null) {
      throw new ClientRefused('PUBREL was not acknowledged', null)
    }
  }

  /** Resolves with the QoS that is granted. Rejects when the filter is refused. */
  async subscribe(filter: string, options: SubscribeOptions = {}): Promise<QoS> {
    const request = requestOf(filter, options)
    const packetId = this.#nextPacketId()
    const { where } = options
    const properties: Properties =
      where === undefined ? NO_PROPERTIES : { userProperties: [['$where', where]] }
    const asked = { type: 'subscribe', packetId, subscriptions: [request], properties } as const
    const answer = await this.#asked(asked)
    const reason = answer?.type === 'suback' ? (answer.reasons[0] ?? null) : null
    if (reason === 0 || reason === 1 || reason === 2) return reason
    const said = answer?.type === 'suback' ? answer.properties.reasonString : undefined
    const why = said === undefined ? '' : `: ${said}`
    throw new ClientRefused(`SUBSCRIBE to ${JSON.stringify(filter)} was refused${why}`, reason)
  }

  /** Rejects when the broker has not done it. */
  async unsubscribe(filter: string): Promise<void> {
    const packetId = this.#nextPacketId()
    const filters = [filter]
    const asked = { type: 'unsubscribe', packetId, filters, properties: NO_PROPERTIES } as const
    const answer = await this.#asked(asked)
    const reason = answer?.type === 'unsuback' ? (answer.reasons[0] ?? SUCCESS) : null
    if (reason !== null && !isFailure(reason)) return
    throw new ClientRefused(`UNSUBSCRIBE from ${JSON.stringify(filter)} was refused`, reason)
  }

  /**
   * The messages that it receives, from all its subscriptions. Each is acknowledged when the next one is asked for, so one whose handling
   * has thrown stays in the session. Ends with the connection.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ReceivedMessage, void, undefined> {
    for (;;) {
      const packet = this.#unread.shift()
      if (packet === undefined) {
        if (this.#isOver) return
        await new Promise<void>(resolve => this.#waiters.push(resolve))
        continue
      }
      const { topic, payload, qos, retain, duplicate, properties, packetId } = packet
      yield { topic, payload, qos, retain, duplicate, properties }
      if (qos > 0) this.#acknowledge(qos === 1 ? 'puback' : 'pubrec', packetId)
    }
  }

  /** Sends DISCONNECT. Resolves when the broker has ended the connection. */
  async end(): Promise<void> {
    if (this.#isOver) return
    this.#end ??= this.#disconnect()
    await this.#end
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  #disconnect(): Promise<unknown> {
    const closed = once(this.#stream, 'close')
    this.#send({ type: 'disconnect', reason: SUCCESS, properties: NO_PROPERTIES })
    this.#stream.end()
    return closed
  }

  #receive(chunk: Buffer): void {
    const framer = this.#framer
    framer.push(chunk)
    while (framer.next()) this.#take(decode(framer.bytes, framer.start, framer.end, 5))
  }

  #take(packet: Packet): void {
    if (packet.type === 'connack') this.#opened(packet)
    else if (packet.type === 'publish') this.#keep(packet)
    else if (packet.type === 'pubrel') this.#acknowledge('pubcomp', packet.packetId)
    else if ('packetId' in packet) {
      this.#waiting.get(packet.packetId)?.(packet)
      // After PUBREC the identifier is still in use, until PUBCOMP.
      const goesOn = packet.type === 'pubrec' && !isFailure(packet.reason)
      if (!goesOn) this.#waiting.delete(packet.packetId)
    }
  }

  #keep(packet: PublishPacket): void {
    if (packet.qos === 0 && this.#unread.length >= UNREAD_MAX) {
      this.dropped += 1
      this.#onDrop()
      return
    }
    // The bytes may be those of the chunk, whose memory is used again.
    this.#unread.push({ ...packet, payload: Buffer.from(packet.payload) })
    this.#waiters.shift()?.()
  }

  #acknowledge(type: 'puback' | 'pubrec' | 'pubcomp', packetId: number): void {
    this.#send({ type, packetId, reason: SUCCESS, properties: NO_PROPERTIES })
  }

  #asked(packet: Answer): Promise<Answer | null> {
    if (this.#isOver || this.#end !== null) return Promise.resolve(null)
    return new Promise(resolve => {
      this.#send(packet)
      this.#waiting.set(packet.packetId, resolve)
    })
  }

  /** Throws for what MQTT cannot say. */
  #send(packet: Packet): void {
    const bytes = encode(packet, 5)
    if (!this.#isOver && this.#end === null) this.#stream.write(bytes)
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#opened(null)
    for (const settle of this.#waiting.values()) settle(null)
    this.#waiting.clear()
    this.#roomIsThere()
    for (const wake of this.#waiters.splice(0)) wake()
  }

  async #hasRoom(): Promise<void> {
    if (this.#isOver || !this.#stream.writableNeedDrain) return
    this.#room ??= new Promise<void>(resolve => (this.#roomIsThere = resolve)).then(() => {
      this.#room = null
    })
    await this.#room
  }

  /** Throws a RangeError when all are in use. */
  #nextPacketId(): number {
    if (this.#waiting.size >= UNANSWERED_MAX) {
      throw new RangeError(
        `${UNANSWERED_MAX} packets wait for their acknowledgement: wait for some of them first`,
      )
    }
    do this.#packetId = (this.#packetId % 65_535) + 1
    while (this.#waiting.has(this.#packetId))
    return this.#packetId
  }
}

/**
 * The messages of a client that is made for them: it connects with the first `next`, and ends with `return`, also while a `next` waits. (The
 * `return` of a generator would wait for the next message.)
 */
// `AsyncIterableIterator` has another number of parameters in compilers before TypeScript 5.6.
export class MessageStream
  implements AsyncIterator<ReceivedMessage, void>, AsyncIterable<ReceivedMessage>
{
  readonly #open: () => Promise<ProgramClient>
  #opened: Promise<{
    readonly client: ProgramClient
    readonly messages: AsyncIterator<ReceivedMessage, void>
  }> | null = null
  #isOver = false

  constructor(open: () => Promise<ProgramClient>) {
    this.#open = open
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<ReceivedMessage, void>> {
    if (this.#isOver) return { done: true, value: undefined }
    this.#opened ??= this.#open().then(client => ({
      client,
      messages: client[Symbol.asyncIterator](),
    }))
    const { messages } = await this.#opened
    return messages.next()
  }

  async return(): Promise<IteratorResult<ReceivedMessage, void>> {
    this.#isOver = true
    // What has not connected has said so to `next`.
    const opened = await this.#opened?.catch(() => null)
    await opened?.client.end()
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}

function requestOf(
  filter: string,
  { qos = 1, noLocal = false, retainAsPublished = true, retainHandling = 0 }: SubscribeOptions,
): SubscriptionRequest {
  return { filter, qos, noLocal, retainAsPublished, retainHandling }
}

const RECEIVE_MAX = 100

function connectOf(options: ProgramClientOptions): ConnectPacket {
  const { clientId = '', username = null, password = null, cleanStart = true } = options
  const { sessionExpirySeconds = 0, receiveMax = RECEIVE_MAX } = options
  return {
    type: 'connect',
    version: 5,
    cleanStart,
    keepAliveSeconds: 0,
    clientId,
    username,
    password: typeof password === 'string' ? Buffer.from(password) : password,
    will: null,
    properties: {
      receiveMaximum: whole(receiveMax, 'receiveMax', 1, 65_535),
      ...(whole(sessionExpirySeconds, 'sessionExpirySeconds', 0, 4_294_967_295) > 0 && {
        sessionExpiryInterval: sessionExpirySeconds,
      }),
    },
  }
}

function whole(value: number, what: string, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new RangeError(`${what} is a whole number from ${min} to ${max}`)
}
