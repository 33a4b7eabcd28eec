// Who makes transactions, and who reads what they publish. All come back after each loss of their connections.

import type { Packet, QoS } from '../src/packet/packet.ts'
import { isFailure } from '../src/packet/reason.ts'
import type { ClientConnection } from './client-connection.ts'
import { answer } from './client-packets.ts'
import { type Outgoing, ReturningClient, type ReturningTerms } from './returning-client.ts'
import type { ClientWorld } from './sim-client.ts'
import type { ReaderRecord, SimTransaction, TransactionOracle } from './transaction-oracle.ts'

const TREE = '$sim/transactions'
/** Of each client: a world may be long. */
const TRANSACTIONS_MAX = 20

export interface TransactionTerms extends ReturningTerms {
  /** Of all messages and commits. */
  readonly qos: 1 | 2
}

/** What a reader tells about itself. */
export interface ReaderOracle {
  reader(clientId: string): ReaderRecord
  /** `isExact`: at QoS 2 nothing comes again. */
  received(reader: ReaderRecord, payload: string, isExact: boolean): void
  violation(sentence: string): void
}

export class TransactionReader extends ReturningClient {
  readonly #qos: QoS
  readonly #tree: string
  readonly #oracle: ReaderOracle
  readonly #record: ReaderRecord
  /** Of QoS 2, until PUBREL. */
  readonly #incoming = new Set<number>()

  constructor(
    { clientId, qos, tree = TREE }: { clientId: string; qos: QoS; tree?: string },
    world: ClientWorld,
    terms: ReturningTerms,
    oracle: ReaderOracle,
  ) {
    super(clientId, world, terms)
    this.#qos = qos
    this.#tree = tree
    this.#oracle = oracle
    this.#record = oracle.reader(clientId)
  }

  protected get isDurable(): boolean {
    return this.#qos > 0
  }

  protected arrived(connection: ClientConnection, isPresent: boolean): void {
    if (!isPresent) this.#incoming.clear()
    if (!isPresent && this.#record.grantedAt !== null) {
      this.#oracle.violation(`${this.clientId} has lost its session`)
    }
    this.subscribes(connection, `${this.#tree}/#`, this.#qos)
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
        this.#oracle.received(this.#record, payload.toString(), qos === 2)
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

export class TransactionMaker extends ReturningClient {
  protected readonly isDurable = false
  protected override readonly terms: TransactionTerms
  readonly #oracle: TransactionOracle
  #number = 0
  #left = TRANSACTIONS_MAX
  #transaction: SimTransaction | null = null
  #verb: Verb = 'commit'
  #isPrepared = false
  #kind: Kind = 'all'
  /** What is still to be sent, one after the answer to the other. */
  #toSend: Pick<Outgoing, 'topic' | 'payload'>[] = []
  /** The packet identifier that is not answered; 0 for none. */
  #awaited = 0

  constructor(
    clientId: string,
    world: ClientWorld,
    terms: TransactionTerms,
    oracle: TransactionOracle,
  ) {
    super(clientId, world, terms)
    this.terms = terms
    this.#oracle = oracle
  }

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
      this.#transaction = this.#oracle.begins(id, count, this.world.events.count)
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
    this.#awaited = this.publishes(connection, { ...next, qos: this.terms.qos })
  }

  /** The last packet of an attempt is answered. */
  #decided(isRefused: boolean, said: string): void {
    const transaction = this.#transaction
    if (transaction === null) return
    const { id, fate } = transaction
    const complains = (what: string): void => {
      this.#oracle.violation(`${this.#verb} of ${id} (${this.#kind}) ${what} ${said}`)
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
