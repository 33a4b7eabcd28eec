// A transactional consumer: it holds messages of one queue, and commits their settlement with what it publishes into the next. After a loss of
// its connection it asks again for what it had asked.

import type { Packet, PublishPacket } from '../src/packet/packet.ts'
import { IMPLEMENTATION_SPECIFIC_ERROR, isFailure } from '../src/packet/reason.ts'
import type { ClientConnection } from './client-connection.ts'
import { answer } from './client-packets.ts'
import { type Outgoing, ReturningClient } from './returning-client.ts'
import type { ClientWorld } from './sim-client.ts'
import { type Fate, type HeldHere, idOf, keyOf, type TransferOracle } from './transfer-oracle.ts'
import { TransferOutcomes } from './transfer-outcomes.ts'
import type { TransfersOfWorld } from './transfer-settings.ts'

const OUTCOME = '$tx/outcome'
const UNDECIDED = '$tx/undecided'

type Verb = 'commit' | 'prepare' | 'abort'

interface Transfer {
  readonly id: string
  readonly held: readonly HeldHere[]
  /** The same whenever it is staged. */
  readonly packets: readonly Outgoing[]
  verb: Verb
  isPrepared: boolean
  fate: Fate
}

export interface Route {
  readonly clientId: string
  readonly from: string
  readonly to: string
}

export class TransferWorker extends ReturningClient {
  protected readonly isDurable = false
  readonly #route: Route
  readonly #terms: TransfersOfWorld
  readonly #oracle: TransferOracle
  readonly #outcomes: TransferOutcomes
  /** By delivery id, on the present connection, in the order of receipt. */
  readonly #held = new Map<string, HeldHere>()
  /** What was ever to be prepared. */
  readonly #prepared = new Set<string>()
  #number = 0
  #current: Transfer | null = null
  /** Whether what was asked last was staged on this connection. */
  #isStaged = false
  #toSend: Outgoing[] = []
  #awaited = 0

  constructor(route: Route, world: ClientWorld, terms: TransfersOfWorld, oracle: TransferOracle) {
    super(route.clientId, world, terms)
    this.#route = route
    this.#terms = terms
    this.#oracle = oracle
    this.#outcomes = new TransferOutcomes(route.clientId, world.history, oracle)
  }

  /** Whether nothing is left to be settled. */
  get isAtRest(): boolean {
    return this.#current === null && this.#held.size === 0
  }

  judge(): void {
    if (!this.isAtRest) this.#oracle.violation(`${this.clientId} has not come to rest`)
    this.#outcomes.judge()
  }

  protected override get receiveMaximum(): number {
    return this.#terms.random.of([1, 2, 65_535])
  }

  protected arrived(connection: ClientConnection): void {
    this.subscribes(connection, OUTCOME, 1)
    this.subscribes(connection, UNDECIDED, 1)
    const userProperties = [['transactional', 'true']] as const
    this.subscribes(connection, `$queue/${this.#route.from}`, 1, { userProperties })
  }

  protected forgets(): void {
    this.#held.clear()
    this.#outcomes.forgets()
    this.#toSend = []
    this.#awaited = 0
  }

  protected hears(connection: ClientConnection, packet: Packet): void {
    if (packet.type === 'publish') return this.#receives(connection, packet)
    if (packet.type === 'suback' && packet.reasons.some(isFailure)) {
      return this.#oracle.violation(`${this.clientId} may not subscribe`)
    }
    const isAnswer = packet.type === 'puback' || packet.type === 'pubrec'
    if (packet.type !== 'pubcomp' && !isAnswer) return
    if (packet.packetId !== this.#awaited) return
    const { type, reason, packetId, properties } = packet
    if (isAnswer && this.#toSend.length === 0) {
      this.#answered(isFailure(reason), properties.reasonString ?? '')
    }
    if (type === 'pubrec' && !isFailure(reason)) {
      connection.sends(answer('pubrel', packetId))
      return
    }
    this.#awaited = 0
    if (this.#toSend.length > 0) this.#sendsNext(connection)
    else if (this.isCalm) this.steps(connection)
  }

  protected steps(connection: ClientConnection): void {
    const { random } = this.#terms
    if (this.#awaited !== 0) return
    const transfer = this.#current
    if (transfer === null) {
      if (this.#held.size > 0) this.#begins(connection)
    } else if (transfer.isPrepared) {
      if (this.isCalm || random.chance(3)) this.#asks(connection, transfer, false)
    } else this.#asks(connection, transfer, random.chance(2))
  }

  #receives(connection: ClientConnection, packet: PublishPacket): void {
    const { packetId, payload, qos, duplicate } = packet
    const topic = connection.topicOf(packet) ?? ''
    const text = payload.toString()
    const isHandOut = topic !== OUTCOME && topic !== UNDECIDED
    const isRefused = isHandOut && !this.isCalm && this.#terms.random.chance(this.#terms.refusals)
    if (qos === 1 && !isRefused) this.#acknowledges(connection, packetId)
    if (topic === OUTCOME) return this.#outcomes.told(text)
    if (topic === UNDECIDED) return this.#asked(text)
    if (duplicate) this.#oracle.violation(`${this.clientId} received ${text} with DUP`)
    const { userProperties = [] } = packet.properties
    const deliveryId = userProperties.findLast(([name]) => name === 'delivery-id')?.[1] ?? ''
    const queue = this.#route.from
    const held = { queue, id: idOf(text), payload: text, deliveryId, connection }
    this.#oracle.handed(this.clientId, held)
    if (isRefused) return this.#gives(held, packetId)
    this.#held.set(deliveryId, held)
    if (this.isCalm) this.steps(connection)
  }

  /** At once or later: it settles nothing. */
  #acknowledges(connection: ClientConnection, packetId: number): void {
    const { random } = this.#terms
    if (this.isCalm || !random.chance(3)) return connection.sends(answer('puback', packetId))
    this.world.events.after(random.of([10, 1_000]), () => {
      if (this.connection === connection) connection.sends(answer('puback', packetId))
    })
  }

  #begins(connection: ClientConnection): void {
    const { random, qos } = this.#terms
    this.#number += random.between(1, 3)
    const id = `${this.clientId}.${this.#number}`
    const held = [...this.#held.values()].slice(0, random.between(1, 3))
    const acknowledged = random.chance(2)
      ? [held.map(({ deliveryId }) => deliveryId).join('\n')]
      : held.map(({ deliveryId }) => deliveryId)
    const acks = acknowledged.map(payload => ({ topic: `$tx/${id}/ack`, payload, qos }))
    const published = held.map(each => this.#publication(id, each))
    const packets = random.chance(2) ? [...acks, ...published] : [...published, ...acks]
    const verb = this.isCalm
      ? 'commit'
      : random.of<Verb>(['commit', 'commit', 'prepare', 'prepare', 'abort'])
    const transfer: Transfer = { id, held, packets, verb, isPrepared: false, fate: 'unknown' }
    this.#current = transfer
    this.#oracle.decides(id, 'unknown')
    this.#asks(connection, transfer, true)
  }

  #publication(transaction: string, { id, payload }: HeldHere): Outgoing {
    const { random } = this.#terms
    // So that the reader gets it once.
    const qos = 2
    const key = ['key', keyOf(id)] as const
    const mark = payload.endsWith('|') ? transaction : `|${transaction}`
    const text = `${payload}${mark}`
    const { to } = this.#route
    if (random.chance(2)) {
      const topic = `$tx/${transaction}/publish/${to}`
      return { topic, payload: text, qos, userProperties: [key] }
    }
    return { topic: to, payload: text, qos, userProperties: [key, ['$tx', transaction]] }
  }

  #asks(connection: ClientConnection, transfer: Transfer, isStaged: boolean): void {
    const { id, packets, verb, held } = transfer
    this.world.trace(() => {
      const what = held.map(each => each.id).join(' ')
      return `${this.clientId} says ${verb} ${id} (${what}), ${isStaged ? 'staged' : 'bare'}`
    })
    this.#isStaged = isStaged
    if (verb === 'prepare') this.#prepared.add(id)
    if (verb === 'abort') for (const each of held) this.#oracle.givesBack(each)
    const { qos } = this.#terms
    const last = { topic: `$tx/${id}/${verb}`, payload: String(packets.length), qos }
    this.#toSend = isStaged ? [...packets, last] : [last]
    this.#sendsNext(connection)
  }

  #sendsNext(connection: ClientConnection): void {
    const next = this.#toSend.shift()
    if (next !== undefined) this.#awaited = this.publishes(connection, next)
  }

  /** The last packet that was asked is answered. */
  #answered(isRefused: boolean, said: string): void {
    const transfer = this.#current
    if (transfer === null) return
    const { id, verb, held } = transfer
    if (verb !== 'abort') this.#outcomes.expects(id, isRefused ? 'refused' : PAST[verb])
    if (isRefused) return this.#refused(transfer, said)
    if (verb === 'prepare') {
      transfer.isPrepared = true
      transfer.verb = this.#terms.random.of<Verb>(['commit', 'commit', 'abort'])
      this.#oracle.claims('locked', id, held)
      this.#drops(held)
    } else if (verb === 'abort') this.#ends(transfer, 'none')
    else {
      const isFirst = transfer.fate === 'unknown'
      transfer.fate = 'committed'
      transfer.isPrepared = false
      this.#oracle.claims('settled', id, held)
      this.#drops(held)
      // Some are committed once more.
      if (!isFirst || this.isCalm || !this.#terms.random.chance(3))
        this.#ends(transfer, 'committed')
    }
  }

  #refused(transfer: Transfer, said: string): void {
    const { id, verb, fate, isPrepared, held } = transfer
    const what = `${verb} of ${id} (${this.#isStaged ? 'staged' : 'bare'}) was refused`
    if (fate === 'committed') this.#oracle.violation(`${what}, and it is committed: ${said}`)
    else if (isPrepared) this.#oracle.violation(`${what}, and it is prepared: ${said}`)
    const isHeld = held.every(
      each =>
        this.#held.get(each.deliveryId) === each && this.#oracle.isSurelyHeldOn(each.connection),
    )
    if (this.#isStaged && isHeld && /does not hold/.test(said)) {
      this.#oracle.violation(`${what}, and ${this.clientId} holds all of it: ${said}`)
    }
    // Past its deadline: it would be refused for ever.
    const lost = /does not hold the message "([^"]+)"/.exec(said)?.[1]
    if (lost !== undefined) this.#held.delete(lost)
    this.#ends(transfer, fate === 'committed' ? fate : 'none')
  }

  #ends(transfer: Transfer, fate: Fate): void {
    this.#oracle.decides(transfer.id, fate)
    if (transfer.verb === 'abort') this.#drops(transfer.held)
    this.#current = null
  }

  #drops(held: readonly HeldHere[]): void {
    for (const { deliveryId } of held) this.#held.delete(deliveryId)
  }

  /** Refuses one, which gives it back. */
  #gives(held: HeldHere, packetId: number): void {
    this.#oracle.givesBack(held)
    const reason = IMPLEMENTATION_SPECIFIC_ERROR
    held.connection.sends({ ...answer('puback', packetId), reason })
  }

  /** The broker asks what becomes of prepared transactions. */
  #asked(text: string): void {
    const ids: unknown = JSON.parse(text)
    // They may have waited for the client, and are decided since.
    const isOwn = Array.isArray(ids) && ids.every(id => this.#prepared.has(String(id)))
    if (!isOwn) this.#oracle.violation(`${this.clientId} is asked about ${text}`)
  }
}

const PAST = { commit: 'committed', prepare: 'prepared' } as const
