// Events in the order of aedes. They are emitted soon after they happened, never within a change of the broker: their handlers publish,
// subscribe and close.

import type { ClientFacts, EndedBy, Observer } from '../broker/observer.ts'
import { type Message, withOwnBytes } from '../message.ts'
import { isFailure, KEEP_ALIVE_TIMEOUT, type ReasonCode } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { AedesClient } from './client.ts'
import type { AedesHandlers } from './options.ts'
import {
  type AedesPublishPacket,
  type AedesSubscription,
  packetOfMessage,
  subscriptionOf,
} from './packets.ts'

/** By the class of the clients, which have their broker. */
export type EventsOf<Client> = {
  client: [client: Client]
  clientReady: [client: Client]
  clientDisconnect: [client: Client]
  clientError: [client: Client, error: Error]
  connectionError: [client: Client, error: Error]
  keepaliveTimeout: [client: Client]
  connackSent: [
    packet: { cmd: 'connack'; returnCode: number; sessionPresent: boolean },
    client: Client,
  ]
  publish: [packet: AedesPublishPacket, client: Client | null]
  ack: [packet: AedesPublishPacket, client: Client]
  ping: [packet: { cmd: 'pingreq' }, client: Client]
  subscribe: [subscriptions: AedesSubscription[], client: Client]
  unsubscribe: [unsubscriptions: string[], client: Client]
  closed: []
}

type Client = AedesClient

/** The part of a broker that the events use. */
interface Emitting {
  readonly id: string
  readonly closed: boolean
  readonly clients: Record<string, Client>
  connectedClients: number
  published: AedesHandlers['published']
  nextCounter(): number
  clientAt(peer: object): Client
  clientOf(clientId: string): Client | null
  subscriptionAt(clientId: string, filter: string): Subscription | null
  announce(topic: string, payload: string): void
  emit<Name extends keyof EventsOf<Client>>(name: Name, ...said: EventsOf<Client>[Name]): boolean
}

export class EventQueue {
  readonly #failed: (error: unknown) => void
  #events: (() => void)[] = []
  /** How many of them were emitted. */
  #emitted = 0
  /** How many were emitted and removed. */
  #removed = 0
  #isScheduled = false
  #isEmitting = false
  #last: Message | null = null
  #owned: Message | null = null

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  add(event: () => void): void {
    this.#events.push(event)
    if (this.#isScheduled) return
    this.#isScheduled = true
    const emit = (): void => {
      this.#isScheduled = false
      this.flush()
    }
    // A handler that causes its own event must not keep everybody else from their turn.
    if (this.#isEmitting) setImmediate(emit)
    else queueMicrotask(emit)
  }

  /** Emits what has happened up to now. */
  flush(): void {
    const wasEmitting = this.#isEmitting
    this.#isEmitting = true
    const end = this.#removed + this.#events.length
    while (this.#removed + this.#emitted < end) this.#emitNext()
    this.#isEmitting = wasEmitting
  }

  #emitNext(): void {
    const next = this.#events[this.#emitted]
    this.#emitted += 1
    if (2 * this.#emitted > this.#events.length) {
      this.#removed += this.#emitted
      this.#events.splice(0, this.#emitted)
      this.#emitted = 0
    }
    try {
      next?.()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Returns the message with bytes of its own, copied once for all who ask one after the other. */
  owned(message: Message): Message {
    if (message !== this.#last || this.#owned === null) this.#owned = withOwnBytes(message)
    this.#last = message
    return this.#owned
  }
}

/** The broker announces these about itself, which aedes does not. */
const OWN_TOPICS = '$SYS/broker/'

export function observerFor(aedes: Emitting, queue: EventQueue): Observer {
  const told = (clientId: string, event: (client: Client) => void): void => {
    const client = aedes.clientOf(clientId)
    if (client !== null) queue.add(() => event(client))
  }
  return {
    connected: (facts, sessionPresent) => connected(aedes, queue, facts, sessionPresent),
    connectionEnded: (peer, reason, sentence, by) => {
      const client = aedes.clientAt(peer)
      const error = errorFor(client, aedes.closed, sentence, by)
      if (client.connected) disconnected(aedes, queue, client, reason, error)
      else queue.add(() => ended(aedes, client, error))
    },
    published: (message, _receivers) => {
      const { publisher, topic } = message
      if (publisher === null && topic.startsWith(OWN_TOPICS)) return
      const client = publisher === null ? null : aedes.clientOf(publisher)
      const packet = packetOfMessage(queue.owned(message), aedes)
      queue.add(() => {
        aedes.published(packet, client, () => {})
        aedes.emit('publish', packet, client)
      })
    },
    acknowledged: (clientId, message) => {
      const packet = packetOfMessage(message, aedes)
      told(clientId, client => aedes.emit('ack', packet, client))
    },
    pinged: clientId => told(clientId, client => aedes.emit('ping', { cmd: 'pingreq' }, client)),
    filtersAnswered: (type, clientId, filters, reasons) => {
      if (type === 'unsuback') told(clientId, client => unsubscribed(aedes, client, [...filters]))
      else {
        const list = filters.map((filter, index) =>
          granted(aedes, clientId, filter, reasons[index]),
        )
        told(clientId, client => {
          aedes.emit('subscribe', list, client)
          aedes.announce('new/subscribes', JSON.stringify({ clientId, subs: list }))
        })
      }
    },
  }
}

function granted(
  aedes: Emitting,
  clientId: string,
  filter: string,
  reason: ReasonCode = 0x80,
): AedesSubscription {
  const kept = aedes.subscriptionAt(clientId, filter)
  if (isFailure(reason) || kept === null) return { topic: filter, qos: 128 }
  return subscriptionOf(kept)
}

function unsubscribed(aedes: Emitting, client: Client, filters: string[]): void {
  aedes.emit('unsubscribe', filters, client)
  aedes.announce('new/unsubscribes', JSON.stringify({ clientId: client.id, subs: filters }))
}

function connected(
  aedes: Emitting,
  queue: EventQueue,
  { clientId }: ClientFacts,
  sessionPresent: boolean,
): void {
  const client = aedes.clientOf(clientId)
  if (client === null) return
  client.connecting = false
  client.connected = true
  client.connackSent = true
  queue.add(() => {
    aedes.connectedClients += 1
    aedes.clients[clientId] = client
    aedes.emit('client', client)
    aedes.announce('new/clients', clientId)
    aedes.emit('connackSent', { cmd: 'connack', returnCode: 0, sessionPresent }, client)
    aedes.emit('clientReady', client)
    client.emit('connected')
  })
}

/** Returns the error that the end of a connection is; null for none. */
function errorFor(client: Client, isClosing: boolean, sentence: string, by: EndedBy): Error | null {
  if (client.isClosing || isClosing) return null
  if (client.refusal !== null) return client.refusal
  return by === 'broker' ? new Error(sentence) : null
}

/** A connection has ended whose client was never let in. */
function ended(aedes: Emitting, client: Client, error: Error | null): void {
  if (error !== null) {
    client.errored = true
    aedes.emit(client.id === null ? 'connectionError' : 'clientError', client, error)
  }
  client.hasClosed()
}

function disconnected(
  aedes: Emitting,
  queue: EventQueue,
  client: Client,
  reason: ReasonCode,
  error: Error | null,
): void {
  client.connected = false
  const filters = client.clean ? Object.keys(client.subscriptions) : []
  queue.add(() => {
    if (reason === KEEP_ALIVE_TIMEOUT) aedes.emit('keepaliveTimeout', client)
    if (error !== null) {
      client.errored = true
      const said = reason === KEEP_ALIVE_TIMEOUT ? new Error('keep alive timeout') : error
      client.emit('error', said)
      aedes.emit('clientError', client, said)
    }
    aedes.connectedClients -= 1
    const id = client.id ?? ''
    if (aedes.clients[id] === client) delete aedes.clients[id]
    aedes.emit('clientDisconnect', client)
    aedes.announce('disconnect/clients', id)
    if (filters.length > 0) unsubscribed(aedes, client, filters)
    client.hasClosed()
  })
}
