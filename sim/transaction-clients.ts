// Who makes transactions, and who reads what they publish. All come back after each loss of their connections.

import { NO_PROPERTIES, type Packet, type QoS } from '../src/packet/packet.ts'
import { isFailure, SUCCESS } from '../src/packet/reason.ts'
import { ClientConnection, type Conversing } from './client-connection.ts'
import { answer, connectPacket, describePacket } from './client-packets.ts'
import type { Random } from './random.ts'
import type { ClientWorld } from './sim-client.ts'
import type { ReaderRecord, SimTransaction, TransactionOracle } from './transaction-oracle.ts'

const TREE = '$sim/transactions'
const DURABLE_SECONDS = 86_400
const CALM_STEP_MS = 500
/** Of each client: a world may be long. */
const TRANSACTIONS_MAX = 20

export interface TransactionTerms {
  readonly random: Random
  readonly paceMs: number
  /** Of all messages and commits. */
  readonly qos: 1 | 2
}

abstract class Coming implements Conversing {
  readonly clientId: string
  isCalm = false
  protected readonly world: ClientWorld
  protected readonly terms: TransactionTerms
  protected readonly oracle: TransactionOracle
  protected connection: ClientConnection | null = null
  #lastPacketId = 0

  constructor(
    clientId: string,
    world: ClientWorld,
    terms: TransactionTerms,
    oracle: TransactionOracle,
  ) {
    this.clientId = clientId
    this.world = world
    this.terms = terms
    this.oracle = oracle
  }

  begins(): void {
    const { random, paceMs } = this.terms
    this.world.events.after(this.isCalm ? CALM_STEP_MS : random.below(paceMs + 1), () => {
      if (this.connection === null) this.#connects()
      else if (this.connection.isAccepted) this.#acts(this.connection)
      this.begins()
    })
  }

  lost(connection: ClientConnection): void {
    if (this.connection !== connection) return
    this.connection = null
    this.forgets()
  }

  receives(connection: ClientConnection, packet: Packet): void {
    this.world.trace(() => `${this.clientId} receives ${describePacket(packet)}`)
    if (packet.type !== 'connack') this.hears(connection, packet)
    else if (packet.reason === SUCCESS) {
      connection.isAccepted = true
      this.arrived(connection, packet.sessionPresent)
    }
  }

  protected nextPacketId(): number {
    this.#lastPacketId = (this.#lastPacketId % 65_535) + 1
    return this.#lastPacketId
  }

  protected abstract readonly isDurable: boolean
  protected abstract arrived(connection: ClientConnection, isPresent: boolean): void
  protected abstract hears(connection: ClientConnection, packet: Packet): void
  protected abstract steps(connection: ClientConnection): void
  /** The connection is lost. */
  protected abstract forgets(): void

  #acts(connection: ClientConnection): void {
    const { random } = this.terms
    if (!this.isCalm && random.chance(40)) connection.wire.breaks(random.of([0, 10, 1_000]))
    else this.steps(connection)
  }

  #connects(): void {
    const terms = {
      version: 5,
      cleanStart: !this.isDurable,
      expirySeconds: this.isDurable ? DURABLE_SECONDS : 0,
      keepAliveSeconds: 0,
      receiveMaximum: 65_535,
      topicAliasMaximum: 0,
      will: null,
      willDelaySeconds: 0,
      sentAt: this.world.events.now,
    } as const
    const connection = new ClientConnection(terms, this)
    const wire = this.world.wire(connection)
    if (wire === null) return
    connection.opens(wire)
    this.connection = connection
    connection.sends(connectPacket(this.clientId, terms))
  }
}

export class TransactionReader extends Coming {
  readonly #qos: QoS
  readonly #record: ReaderRecord
  /** Of QoS 2, until PUBREL. */
  readonly #incoming = new Set<number>()

  constructor(
    clientId: string,
    qos: QoS,
    world: ClientWorld,
    terms: TransactionTerms,
    oracle: TransactionOracle,
  ) {
    super(clientId, world, terms, oracle)
    this.#qos = qos
    this.#record = oracle.reader(clientId)
  }

  protected get isDurable(): boolean {
    return this.#qos > 0
  }

  protected arrived(connection: ClientConnection, isPresent: boolean): void {
    if (!isPresent) this.#incoming.clear()
    if (!isPresent && this.#record.grantedAt !== null) {
      this.oracle.violation(`${this.clientId} has lost its session`)
    }
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
    connection.sends({
      type: 'subscribe',
      packetId: this.nextPacketId(),
      subscriptions: [{ filter: `${TREE}/#`, qos: this.#qos, ...options }],
      properties: NO_PROPERTIES,
    })
  }

  protected hears(connection: ClientConnection, packet: Packet): void {
    if (packet.type === 'suback' && this.isDurable) {
      this.#record.grantedAt ??= this.world.events.count
    } else if (packet.type === 'pubrel') {
      this.#incoming.delete(packet.packetId)
      connection.sends(answer('pubcomp', packet.packetId))
    } else if (packet.type === 'publish') {
      const { packetId, qos, payload } = packet
      if (!this.#incoming.has(packetId)) {
        this.oracle.received(this.#record, payload.toString(), qos === 2)
      }
      if (qos === 2) this.#incoming.add(packetId)
      if (qos > 0) connection.sends(answer(qos === 1 ? 'puback' : 'pubrec', packetId))
    }
  }

  protected steps(): void {}
  protected forgets(): void {}
}

type Verb = 'commit' | 'prepare' | 'abort'

/** `all`: it is staged anew. `part`: a message is left out, so a commit must be refused. `bare`: nothing is staged. */
type Kind = 'all' | 'part' | 'bare'

export class TransactionMaker extends Coming {
  protected readonly isDurable = false
  #number = 0
  #left = TRANSACTIONS_MAX
  #transaction: SimTransaction | null = null
  #verb: Verb = 'commit'
  #isPrepared = false
  #kind: Kind = 'all'
  /** What is still to be sent, one after the answer to the other. */
  #toSend: { readonly topic: string; readonly payload: string }[] = []
  /** The packet identifier that is not answered; 0 for none. */
  #awaited = 0

  /** Whether nothing is left to be decided. */
  get isAtRest(): boolean {
    return this.#transaction === null
  }

  protected arrived(): void {}

  protected forgets(): void {
    this.#toSend = []
    this.#awaited = 0
  }

  protected steps(connection: ClientConnection): void {
    const { random } = this.terms
    if (this.#awaited !== 0) return
    if (this.#transaction === null) {
      if (this.isCalm || this.#left === 0) return
      this.#left -= 1
      this.#number += random.between(1, 3)
      const { clientId } = this
      const count = random.between(1, 4)
      const id = `${clientId}.${this.#number}`
      this.#transaction = this.oracle.begins(id, count, this.world.events.count)
      this.#verb = random.of<Verb>(['commit', 'commit', 'prepare', 'abort'])
      this.#isPrepared = false
      this.#attempts(connection, this.#transaction, 'all')
    } else if (this.#isPrepared) {
      if (this.isCalm || random.chance(3)) this.#attempts(connection, this.#transaction, 'bare')
    } else {
      const isOne = this.#transaction.count === 1
      const kinds: readonly Kind[] = this.isCalm || isOne ? ['all'] : ['all', 'all', 'part', 'bare']
      this.#attempts(connection, this.#transaction, random.of(kinds))
    }
  }

  protected hears(connection: ClientConnection, packet: Packet): void {
    const isAnswer = packet.type === 'puback' || packet.type === 'pubrec'
    if (packet.type === 'pubcomp' || (isAnswer && packet.packetId === this.#awaited)) {
      const { packetId, reason } = packet
      const isDone = packet.type !== 'pubrec' || isFailure(reason)
      if (isAnswer && this.#toSend.length === 0) {
        const said = packet.properties.reasonString ?? ''
        this.#decided(isFailure(reason), said)
      }
      if (!isDone) connection.sends(answer('pubrel', packetId))
      else {
        this.#awaited = 0
        this.#sendsNext(connection)
      }
    }
  }

  #attempts(connection: ClientConnection, { id, count }: SimTransaction, kind: Kind): void {
    const first = kind === 'all' ? 1 : kind === 'part' ? 2 : count + 1
    const publish = `$tx/${id}/publish/${TREE}`
    for (let index = first; index <= count; index++) {
      this.#toSend.push({ topic: `${publish}/${index}`, payload: `${id}|${index}` })
    }
    this.#toSend.push({ topic: `$tx/${id}/${this.#verb}`, payload: String(count) })
    this.#kind = kind
    this.world.trace(() => `${this.clientId} says ${this.#verb} ${id}, ${kind} of it staged`)
    this.#sendsNext(connection)
  }

  #sendsNext(connection: ClientConnection): void {
    const next = this.#toSend.shift()
    if (next === undefined) return
    this.#awaited = this.nextPacketId()
    connection.sends({
      type: 'publish',
      duplicate: false,
      qos: this.terms.qos,
      retain: false,
      packetId: this.#awaited,
      topic: next.topic,
      payload: Buffer.from(next.payload),
      properties: NO_PROPERTIES,
    })
  }

  /** The last packet of an attempt is answered. */
  #decided(isRefused: boolean, said: string): void {
    const transaction = this.#transaction
    if (transaction === null) return
    const { id, fate } = transaction
    const complains = (what: string): void => {
      this.oracle.violation(`${this.#verb} of ${id} (${this.#kind}) ${what} ${said}`)
    }
    if (isRefused) this.#refused(transaction, said, complains)
    else if (this.#kind === 'part' && this.#verb !== 'abort') complains('was taken')
    else if (this.#verb === 'prepare') {
      this.#isPrepared = true
      this.#verb = this.terms.random.of<Verb>(['commit', 'commit', 'abort'])
    } else if (this.#verb === 'abort') {
      transaction.fate = 'none'
      this.#transaction = null
    } else {
      const isFirst = fate !== 'committed'
      transaction.fate = 'committed'
      // Some are committed once more, whole.
      this.#isPrepared = false
      if (!isFirst || this.isCalm || !this.terms.random.chance(3)) this.#transaction = null
    }
  }

  #refused(transaction: SimTransaction, said: string, complains: (what: string) => void): void {
    const { kind, verb } = { kind: this.#kind, verb: this.#verb }
    if (transaction.fate === 'committed') {
      if (kind !== 'part') complains('was refused, and it is committed')
    } else if (this.#isPrepared) complains('was refused, and it is prepared')
    else if (verb === 'abort') complains('was refused')
    else if (kind !== 'part') {
      if (/decided/.test(said)) complains('was refused')
      // It is not committed; perhaps it is tried again.
      if (!this.isCalm && this.terms.random.chance(3)) return
      transaction.fate = 'none'
      this.#transaction = null
    }
  }
}
