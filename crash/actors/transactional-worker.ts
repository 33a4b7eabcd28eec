// A transactional consumer: it takes messages from a named queue, and publishes the result of each in the transaction that settles it.

import type { PublishPacket } from '../../src/packet/packet.ts'
import { NOT_AUTHORIZED, SUCCESS } from '../../src/packet/reason.ts'
import type { ClientSettings } from '../client.ts'
import type { EventLog } from '../event-log.ts'
import { type MessageId, readPayload } from '../payload.ts'
import type { Random } from '../random.ts'
import type { InputQueue } from '../transactions.ts'
import { type Contents, TransactionActor } from './transaction-actor.ts'

const INPUTS_MAX = 3
const CHANCE_OF_REFUSAL = 0.05

export class TransactionalWorker extends TransactionActor {
  readonly #queue: InputQueue
  /** By delivery id: what it holds and has not begun to settle. */
  readonly #held = new Map<string, MessageId>()

  constructor(facts: ClientSettings, queue: InputQueue, log: EventLog, random: Random) {
    const properties = { userProperties: [['transactional', 'true']] } as const
    super(facts, log, random, [[`$queue/${queue}`, properties]])
    this.#queue = queue
  }

  override get isSettled(): boolean {
    return super.isSettled && this.#held.size === 0
  }

  protected begins(): Contents | null {
    const taken = [...this.#held].slice(0, this.random.whole(1, INPUTS_MAX))
    if (taken.length === 0) return null
    for (const [deliveryId] of taken) this.#held.delete(deliveryId)
    const topic = `crash/tx/${this.#queue}/done`
    const messages = taken.map(
      ([, input]) => ({ topic, qos: this.random.pick([1, 2] as const), input }) as const,
    )
    return { messages, settled: taken.map(([deliveryId]) => deliveryId) }
  }

  protected received(packet: PublishPacket): void {
    const { packetId, topic, qos, duplicate, payload, properties } = packet
    const read = readPayload(payload.toString('latin1'))
    const { publisher, sequence, isIntact } = read ?? {
      publisher: '?',
      sequence: 0,
      isIntact: false,
    }
    const client = this.client.facts.clientId
    const mark = (name: string) => properties.userProperties?.find(([each]) => each === name)?.[1]
    const count = Number(mark('delivery-count') ?? 1)
    const message = { publisher, sequence, topic, qos, duplicate, isIntact, count, dead: null }
    this.log.record({ kind: 'handed', client, queue: this.#queue, ...message })
    const isRefused = this.random.chance(CHANCE_OF_REFUSAL)
    this.client.answer(packetId, isRefused ? NOT_AUTHORIZED : SUCCESS)
    if (!isRefused) this.#held.set(mark('delivery-id') ?? '', { publisher, sequence })
    this.next()
  }

  protected forgets(): void {
    this.#held.clear()
  }

  /** What it was to settle is not held any more, or was held on another connection. */
  protected override isPatient(): boolean {
    return false
  }

  /** What it may hold still goes to others. */
  protected override gaveUp(): void {
    this.client.cut()
  }
}
