// One connection of a client, as a program sees it.

import type { Asker } from '../broker/admission.ts'
import type { ClientFacts } from '../broker/observer.ts'
import type { SessionHolder, Sessions } from '../broker/sessions.ts'
import { checkedReason } from '../loop/checked.ts'
import type { Commands } from '../loop/commands.ts'
import { checkedPublication, type Publication } from '../loop/publication.ts'
import type { ProtocolVersion } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'

/** What a program keeps for a connection. A program may declare more of it. */
export interface ClientData {
  [name: string]: unknown
}

/** The session of a client at this moment. */
export interface ClientSession {
  /** Whether the store keeps it. */
  readonly isDurable: boolean
  readonly expiryIntervalSeconds: number
  readonly subscriptions: readonly Subscription[]
  readonly queuedMessages: number
  /** Messages of QoS 1 and 2 that were sent and are not acknowledged. */
  readonly inFlightMessages: number
}

/** The part of the broker that clients use. */
interface ClientReach {
  readonly sessions: Sessions
  readonly commands: Commands
}

export class Client {
  /** Whatever the program wants to know of this connection. It is gone with the connection. */
  readonly data: ClientData = {}
  readonly #peer: object
  readonly #reach: ClientReach
  #facts: ClientFacts
  /** Whether the facts are those after its authentication. */
  isLetIn = false

  constructor(facts: ClientFacts, peer: object, reach: ClientReach) {
    this.#facts = facts
    this.#peer = peer
    this.#reach = reach
  }

  get id(): string {
    return this.#facts.clientId
  }

  get username(): string | null {
    return this.#facts.username
  }

  get version(): ProtocolVersion | null {
    return this.#facts.version
  }

  get address(): string {
    return this.#facts.address
  }

  get transport(): string {
    return this.#facts.transport
  }

  /** Whether CONNECT was accepted and the connection has not ended. */
  get isConnected(): boolean {
    return this.#reach.sessions.holderOf(this.id)?.peer === this.#peer
  }

  /** Null when it is not connected. */
  get session(): ClientSession | null {
    const session = this.isConnected ? this.#reach.sessions.get(this.id) : undefined
    if (session === undefined) return null
    return {
      isDurable: session.isDurable,
      expiryIntervalSeconds: session.expiryIntervalSeconds,
      subscriptions: [...session.subscriptions.values()].map(each => ({ ...each })),
      queuedMessages: session.queuedMessages,
      inFlightMessages: session.exchanges.count,
    }
  }

  /** Ends this connection as `broker.disconnectClient` does, and no later one. Resolves with false when it is over already. */
  async close(reason?: string): Promise<boolean> {
    return this.#reach.commands.disconnectClient(this.id, checkedReason(reason), this.#peer)
  }

  /**
   * Sends a message to this client alone, whatever it has subscribed to, with the QoS of the publication. It waits in the queue of the
   * session if need be. Resolves with false when the client is not connected; else when the message is stored, if it must be.
   */
  async publish(publication: Omit<Publication, 'retain'>): Promise<boolean> {
    const { topic, said } = checkedPublication({ ...publication, retain: false })
    return this.#reach.commands.publishTo(this.id, said, topic, this.#peer)
  }

  /** The client was let in, perhaps as another user than CONNECT says. */
  connected(facts: ClientFacts): void {
    this.#facts = facts
    this.isLetIn = true
  }
}

/** The clients that are connected. */
export class Clients implements Iterable<Client> {
  readonly #reach: ClientReach
  /** Only of connections that a program has looked at. */
  readonly #known = new WeakMap<object, Client>()
  /** The far ends of connections that the program has opened itself. */
  readonly #ofProgram = new WeakSet<object>()

  constructor(reach: ClientReach) {
    this.#reach = reach
  }

  get size(): number {
    return this.#reach.sessions.connectedCount
  }

  get(clientId: string): Client | null {
    const holder = this.#reach.sessions.holderOf(clientId)
    return holder === null ? null : this.#of(holder)
  }

  /** Returns the connected client that asks with its own rights; null for anybody else. */
  ofRights({ clientId, permissions, identity }: Asker): Client | null {
    if (clientId === null) return null
    const rights = this.#reach.sessions.get(clientId)?.rights
    const isOwn = rights?.permissions === permissions && rights.identity === identity
    return isOwn ? this.get(clientId) : null
  }

  *[Symbol.iterator](): Iterator<Client> {
    for (const { clientId } of this.#reach.sessions.all()) {
      const client = this.get(clientId)
      if (client !== null) yield client
    }
  }

  /** Returns the client at the far end of a connection, which need not be let in yet. */
  at(peer: object, facts: ClientFacts): Client {
    const known = this.#known.get(peer)
    if (known !== undefined) return known
    const client = new Client(facts, peer, this.#reach)
    this.#known.set(peer, client)
    return client
  }

  /** The program opens a connection to its own broker. Without a user name it needs no authentication. */
  trust(peer: object): void {
    this.#ofProgram.add(peer)
  }

  isOfProgram(peer: object): boolean {
    return this.#ofProgram.has(peer)
  }

  #of(holder: SessionHolder): Client {
    const known = this.#known.get(holder.peer)
    if (known?.isLetIn === true) return known
    const { facts } = holder
    const client = known ?? this.at(holder.peer, facts)
    client.connected(facts)
    return client
  }
}
