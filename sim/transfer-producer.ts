// Publishes into the first queue with `$message-id`: again whenever it heard no acknowledgement, and sometimes although it did.

import type { Packet } from '../src/packet/packet.ts'
import { isFailure } from '../src/packet/reason.ts'
import type { ClientConnection } from './client-connection.ts'
import { answer } from './client-packets.ts'
import { ReturningClient } from './returning-client.ts'
import type { ClientWorld } from './sim-client.ts'
import { keyOf, type TransferOracle } from './transfer-oracle.ts'
import { FIRST, type TransfersOfWorld } from './transfer-settings.ts'

/** A world may be long. */
const MESSAGES_MAX = 12
/** Messages that were acknowledged and come again. */
const REPEATS_MAX = 12
/** After this the broker may have forgotten the id: `limits.dedupeSeconds`, and the time of a PUBLISH on its way. */
const REMEMBERED_MS = 590_000

export class TransferProducer extends ReturningClient {
  protected readonly isDurable = false
  readonly #terms: TransfersOfWorld
  readonly #oracle: TransferOracle
  /** When each was sent first. */
  readonly #sentAtMs = new Map<string, number>()
  #number = 0
  #repeats = 0
  /** The message without an acknowledgement; null for none. */
  #current: string | null = null
  #awaited = 0

  constructor(
    clientId: string,
    world: ClientWorld,
    terms: TransfersOfWorld,
    oracle: TransferOracle,
  ) {
    super(clientId, world, terms)
    this.#terms = terms
    this.#oracle = oracle
  }

  get isAtRest(): boolean {
    return this.#current === null && this.#awaited === 0
  }

  protected arrived(): void {}

  protected forgets(): void {
    this.#awaited = 0
  }

  protected steps(connection: ClientConnection): void {
    if (this.#awaited !== 0) return
    if (this.#current !== null) return this.#sends(connection, this.#current)
    if (this.isCalm || !this.#oracle.isSubscribed) return
    const { random } = this.terms
    if (this.#number > 0 && this.#repeats < REPEATS_MAX && random.chance(4)) {
      this.#repeats += 1
      this.#current = `m${random.between(1, this.#number)}`
    } else if (this.#number < MESSAGES_MAX) {
      this.#number += 1
      this.#current = `m${this.#number}`
    }
  }

  protected hears(connection: ClientConnection, packet: Packet): void {
    const isAnswer = packet.type === 'puback' || packet.type === 'pubrec'
    if (packet.type !== 'pubcomp' && !isAnswer) return
    if (packet.packetId !== this.#awaited) return
    const { type, reason, packetId } = packet
    if (isAnswer && !isFailure(reason) && this.#current !== null) {
      this.#oracle.accepted(this.#current)
      this.#current = null
    }
    if (type === 'pubrec' && !isFailure(reason)) connection.sends(answer('pubrel', packetId))
    else this.#awaited = 0
  }

  #sends(connection: ClientConnection, id: string): void {
    const { now } = this.world.events
    const firstAtMs = this.#sentAtMs.get(id) ?? now
    this.#sentAtMs.set(id, firstAtMs)
    this.#oracle.sends(id, now - firstAtMs > REMEMBERED_MS)
    this.world.trace(() => `${this.clientId} publishes ${id}`)
    const userProperties = [
      ['key', keyOf(id)],
      ['$message-id', id],
    ] as const
    const message = { topic: `$queue/${FIRST}`, payload: `${id}|`, userProperties }
    this.#awaited = this.publishes(connection, { ...message, qos: this.#terms.qos })
  }
}
