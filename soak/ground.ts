// What every actor of a soak has: the broker's doors, a ledger, chance, and a client that comes back by itself.

import mqtt, {
  type IClientOptions,
  type IClientSubscribeOptions,
  type IPublishPacket,
  type MqttClient,
} from 'mqtt'
import type { Ledger } from './ledger.ts'

export type Door = 'tcp' | 'ws' | 'tls'

export interface Ground {
  readonly ledger: Ledger
  readonly ports: Readonly<Record<Door, number>>
  readonly random: () => number
  /** Front ends are killed: connections are lost that no client has ended. */
  readonly losesConnections: boolean
}

/** A part of the load. It must leave nothing behind when it has stopped. */
export interface Actor {
  /** What it has done so far, for the report. */
  readonly done: string
  start(): Promise<void>
  /** Publishes no more; what is under way arrives. */
  finish?(): Promise<void>
  stop(): Promise<void>
}

/** A connection was lost, or an answer with it. That is a finding unless front ends are killed. */
export function lost({ ledger, losesConnections }: Ground, sentence: string): void {
  if (!losesConnections) ledger.found(sentence)
}

const SUBSCRIBES_MAX = 100
const AGAIN_MILLISECONDS = 100

const URLS: Readonly<Record<Door, string>> = { tcp: 'mqtt', ws: 'ws', tls: 'mqtts' }

export function urlOf({ ports }: Ground, door: Door): string {
  return `${URLS[door]}://127.0.0.1:${ports[door]}`
}

/** `received`: for all messages, also those that come right behind CONNACK. Resolves when the client is connected. */
export async function connect(
  ground: Ground,
  door: Door,
  options: IClientOptions & { readonly clientId: string },
  received: (topic: string, payload: Buffer, packet: IPublishPacket) => void = () => {},
): Promise<MqttClient> {
  const { ledger } = ground
  const client = mqtt.connect(urlOf(ground, door), {
    protocolVersion: 5,
    // The certificate is made for this run.
    rejectUnauthorized: false,
    reconnectPeriod: 200,
    ...options,
  })
  client.on('message', received)
  client.on('error', error => lost(ground, `${options.clientId}: ${error.message}`))
  client.on('disconnect', ({ reasonCode }) =>
    ledger.found(`${options.clientId} was disconnected with ${reasonCode}`),
  )
  await new Promise<void>(resolve => client.once('connect', () => resolve()))
  return client
}

/** Settings of a session that outlives its connections. */
export const DURABLE: IClientOptions = {
  clean: false,
  properties: { sessionExpiryInterval: 3_600 },
}

/** Ends the connection and the session of a client. */
export async function endSession(ground: Ground, door: Door, clientId: string): Promise<void> {
  const client = await connect(ground, door, { clientId, clean: true })
  await client.endAsync()
}

/** Tries again where connections are lost. */
export async function subscribe(
  { losesConnections }: Ground,
  client: MqttClient,
  filter: string,
  options: IClientSubscribeOptions,
): Promise<void> {
  for (let left = SUBSCRIBES_MAX; ; left--) {
    try {
      await client.subscribeAsync(filter, options)
      return
    } catch (error) {
      if (!losesConnections || left === 0) throw error
      await new Promise(resolve => setTimeout(resolve, AGAIN_MILLISECONDS))
    }
  }
}

/** Rejects when the connection is lost: MQTT.js would wait for another one. */
export function whileThere<Answer>(client: MqttClient, answer: Promise<Answer>): Promise<Answer> {
  const loss = new Promise<never>((_resolve, reject) => {
    client.once('close', () => reject(new Error('the connection is lost')))
  })
  loss.catch(() => {})
  return Promise.race([answer, loss])
}
