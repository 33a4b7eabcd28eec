// The bridges of a broker: made from the configuration, and known by the access.

import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { type Duplex, duplexPair } from 'node:stream'
import { isOfBridge, type KnownBridges } from '../bridge/bridge-access.ts'
import { Bridge, type BridgeSettings, type BridgeStatus, localIdOf } from '../bridge/bridge.ts'
import type { Config } from '../config/config-types.ts'
import { addressIn } from '../config/network-address.ts'
import type { Log } from '../observe/log.ts'
import type { QoS } from '../packet/packet.ts'
import type { Peer } from '../transport/wire.ts'
import type { Core } from './core.ts'

type HandleStream = (stream: Duplex, peer: Partial<Peer>) => Peer

export class Bridges implements KnownBridges {
  readonly #peers = new WeakSet<object>()
  readonly #localIds: ReadonlySet<string>
  readonly #config: Config
  #all: readonly Bridge[] = []

  constructor(config: Config) {
    this.#config = config
    this.#localIds = new Set(Object.keys(config.bridges).map(localIdOf))
  }

  isBridge(peer: object): boolean {
    return this.#peers.has(peer)
  }

  isLocalId(clientId: string): boolean {
    return this.#localIds.has(clientId)
  }

  /** 1 for each that is connected, 0 for others. */
  get states(): Readonly<Record<string, number>> {
    const states = this.statuses.map(({ name, state }) => [name, state === 'connected' ? 1 : 0])
    return Object.fromEntries(states) as Record<string, number>
  }

  get statuses(): readonly BridgeStatus[] {
    return this.#all.map(({ status }) => status)
  }

  /** Resolves when what is published here is kept for all of them. */
  async start(core: Core, log: Log, handle: HandleStream): Promise<void> {
    const { broker } = core
    const brokerId = randomBytes(6).toString('base64url')
    this.#all = Object.keys(this.#config.bridges).map(name => {
      return new Bridge(settingsOf(name, this.#config), {
        log,
        packetBytesMax: broker.limits.packetBytesMax,
        receiveMax: broker.limits.receiveMax,
        paths: { brokerId, userPropertiesMax: broker.limits.userPropertiesMax },
        open: () => {
          const [near, far] = duplexPair()
          this.#peers.add(handle(far, { listener: `bridge ${name}` }))
          return near
        },
        session: clientId => {
          const session = broker.sessions.get(clientId)
          if (session === undefined) return null
          const { subscriptions, incoming } = session
          return { filters: [...subscriptions.keys()], unreleased: incoming.packetIds }
        },
        announce: (topic, payload) => {
          if (core.turn.hasFailed) return
          core.turn.begin()
          broker.publishing.announce(topic, payload)
        },
        queuedMessages: clientId => broker.sessions.get(clientId)?.queuedMessages ?? 0,
        random: Math.random,
        milliseconds: () => performance.now(),
      })
    })
    for (const { clientId, rights } of broker.sessions.all()) {
      if (isOfBridge(rights.identity) && !this.isLocalId(clientId)) tellLeft(log, clientId)
    }
    await Promise.all(this.#all.map(bridge => bridge.start()))
  }

  close(): void {
    for (const bridge of this.#all) bridge.close()
  }
}

/** Its session never expires, and goes on collecting messages. */
function tellLeft(log: Log, clientId: string): void {
  log.warn(
    { event: 'bridge.session-left', clientId },
    `the session of a bridge that is not in the configuration any more: pondhawk session end ${clientId}`,
  )
}

const PORT = 1_883
const TLS_PORT = 8_883

function settingsOf(name: string, { bridges }: Config): BridgeSettings {
  const given = bridges[name]
  if (given === undefined) throw new Error(`no bridge ${name}`)
  const { tls, clientId = `${hostname()}.${name}`, notificationTopic } = given
  const addresses = given.addresses.flatMap(text => {
    const address = addressIn(text, tls === undefined ? PORT : TLS_PORT)
    return address === null ? [] : [address]
  })
  return {
    ...given,
    name,
    addresses,
    tls: tls ?? null,
    clientId,
    username: given.username ?? null,
    password: given.password ?? null,
    passwordFile: given.passwordFile ?? null,
    retains: given.retain,
    topics: given.topics.map(topic => ({ ...topic, qos: topic.qos as QoS })),
    notificationTopic: notificationTopic ?? `$SYS/broker/connection/${clientId}/state`,
  }
}
