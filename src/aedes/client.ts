// A client as programs for aedes know it. It is there from the first byte of its stream on.

import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { QoS } from '../packet/packet.ts'
import { settle } from './callbacks.ts'
import type { AedesSubscription, PublishPacket } from './packets.ts'

type Done = (error?: Error) => void

type Subscriptions =
  AedesSubscription | AedesSubscription[] | { subscriptions: AedesSubscription[] }
type Unsubscriptions = string | string[] | { unsubscriptions: string[] }

/** What a client asks of its broker. */
export interface ClientHost {
  publishTo(client: AedesClient, packet: PublishPacket): Promise<void>
  subscribeFor(client: AedesClient, subscriptions: AedesSubscription[]): Promise<void>
  unsubscribeFor(client: AedesClient, filters: string[]): Promise<void>
  subscriptionsOf(client: AedesClient): Record<string, { qos: QoS }>
  closeClient(client: AedesClient): void
}

// Wide on purpose: the members that programs for aedes use.
export class AedesClient<Broker extends ClientHost = ClientHost> extends EventEmitter {
  /** Null before CONNECT. */
  id: string | null = null
  clean = true
  /** 3, 4 or 5. */
  version: number | null = null
  connecting = false
  connected = false
  closed = false
  connackSent = false
  errored = false
  readonly broker: Broker
  readonly conn: Duplex
  readonly req: IncomingMessage | undefined
  /** What the broker's code has refused it with, to be reported when its connection ends. */
  refusal: Error | null = null
  /** The program has closed it: its end is no error. */
  isClosing = false
  #closings: (() => void)[] = []

  constructor(broker: Broker, conn: Duplex, req: IncomingMessage | undefined) {
    super()
    this.broker = broker
    this.conn = conn
    this.req = req
    // A program need not listen to errors of its clients.
    this.on('error', () => {})
  }

  /** The filters that it has subscribed to. */
  get subscriptions(): Record<string, { qos: QoS }> {
    return this.broker.subscriptionsOf(this)
  }

  /** Sends to this client alone. `done` is called when the message is sent or queued. */
  publish(packet: PublishPacket, done?: Done): void {
    settle(this.broker.publishTo(this, packet), done)
  }

  subscribe(asked: Subscriptions, done?: Done): void {
    const list = Array.isArray(asked)
      ? asked
      : 'subscriptions' in asked
        ? asked.subscriptions
        : [asked]
    settle(this.broker.subscribeFor(this, list), done)
  }

  unsubscribe(asked: Unsubscriptions, done?: Done): void {
    const list =
      typeof asked === 'string' ? [asked] : Array.isArray(asked) ? asked : asked.unsubscriptions
    settle(this.broker.unsubscribeFor(this, list), done)
  }

  close(done?: () => void): void {
    if (this.closed) {
      done?.()
      return
    }
    if (done !== undefined) this.#closings.push(done)
    this.isClosing = true
    this.broker.closeClient(this)
  }

  emptyOutgoingQueue(done?: Done): void {
    const sentence = 'pondhawk/aedes does not empty queues: limits.queuedMessagesMax bounds them'
    settle(Promise.reject(new Error(sentence)), done)
  }

  /** Its connection has ended. */
  hasClosed(): void {
    this.closed = true
    this.connected = false
    this.connecting = false
    for (const done of this.#closings.splice(0)) done()
  }
}
