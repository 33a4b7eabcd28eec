// Publishes several messages to several topics, all of them or none.

import type { PublishPacket } from '../../src/packet/packet.ts'
import type { ClientSettings } from '../client.ts'
import type { EventLog } from '../event-log.ts'
import type { Random } from '../random.ts'
import { type Contents, TransactionActor } from './transaction-actor.ts'

const MESSAGES_MAX = 5
const TOPICS = 3

export class TransactionMaker extends TransactionActor {
  constructor(facts: ClientSettings, log: EventLog, random: Random) {
    super(facts, log, random, [])
  }

  protected begins(): Contents | null {
    if (this.isSettling) return null
    const messages = Array.from({ length: this.random.whole(2, MESSAGES_MAX) }, () => {
      const topic = `crash/tx/${this.client.facts.clientId}/${this.random.whole(1, TOPICS)}`
      return { topic, qos: this.random.pick([1, 2] as const), input: null }
    })
    return { messages, settled: [] }
  }

  protected received({ topic }: PublishPacket): void {
    throw new Error(`${this.client.facts.clientId} received ${topic}, and never asked for it`)
  }

  protected forgets(): void {
    // All that it knows outlives connections.
  }
}
