// A consumer of a named queue, or of its dead letters. It acknowledges, refuses, is silent until the deadline, leaves and comes back. Now and then it
// publishes a message behind its acknowledgements: when that is acknowledged, they are on disk.

import type { PublishPacket } from '../../src/packet/packet.ts'
import { NOT_AUTHORIZED, SUCCESS } from '../../src/packet/reason.ts'
import { Client, type ClientSettings } from '../client.ts'
import type { EventLog } from '../event-log.ts'
import { readPayload } from '../payload.ts'
import { DEAD } from '../queues.ts'
import type { Random } from '../random.ts'
import { ClientActor } from './client-actor.ts'

const STAY_MILLISECONDS_MAX = 400
const AWAY_MILLISECONDS_MAX = 40
const DELAY_MILLISECONDS_MAX = 20
const CHANCE_OF_REFUSAL = 0.25
const CHANCE_OF_SILENCE = 0.01
const CHANCE_OF_DELAY = 0.2
const CHANCE_OF_MARK = 0.1

export class QueueWorker extends ClientActor {
  protected readonly client: Client
  readonly #queue: string
  readonly #log: EventLog
  #sequence = 0
  #isGranted = false

  constructor(facts: ClientSettings, queue: string, log: EventLog, random: Random) {
    super(random)
    this.#queue = queue
    this.#log = log
    this.client = new Client(facts, log, {
      connected: isPresent => this.#connected(isPresent),
      subscribed: () => (this.#isGranted = true),
      closed: () => this.#closed(),
      handed: packet => this.#handed(packet),
    })
  }

  get isSettled(): boolean {
    return this.client.isConnected && this.#isGranted && this.client.inFlight === 0
  }

  protected resumed(): void {
    this.#planLeaving()
  }

  #connected(isPresent: boolean): void {
    if (!isPresent) this.#isGranted = false
    if (!this.#isGranted) this.client.subscribe(`$queue/${this.#queue}`, 1)
    this.#planLeaving()
  }

  #planLeaving(): void {
    if (this.isSettling || this.#queue.endsWith(DEAD)) return
    this.later(this.random.whole(5, STAY_MILLISECONDS_MAX), () => {
      // Before SUBACK its DISCONNECT would look like a kill.
      if (this.isSettling || !this.#isGranted) return
      if (this.random.chance(0.5)) this.client.cut()
      else this.client.sendDisconnect(false)
    })
  }

  #closed(): void {
    this.connectAfter(this.random.whole(5, AWAY_MILLISECONDS_MAX))
  }

  #handed({ packetId, topic, qos, duplicate, payload, properties }: PublishPacket): void {
    const read = readPayload(payload.toString('latin1'))
    const { publisher, sequence, isIntact } = read ?? {
      publisher: '?',
      sequence: 0,
      isIntact: false,
    }
    const mark = (name: string) => properties.userProperties?.find(([each]) => each === name)?.[1]
    const queue = mark('dead-letter-queue')
    const { clientId: client, version } = this.client.facts
    this.#log.record({
      ...{ kind: 'handed', client, queue: this.#queue, publisher, sequence, topic, qos },
      ...{ duplicate, isIntact },
      count: version === 4 ? null : Number(mark('delivery-count') ?? 1),
      dead: queue === undefined ? null : { queue, reason: mark('dead-letter-reason') ?? '' },
    })
    const answer = (isAccepted: boolean): void => {
      this.#log.record({ kind: 'answered', client, publisher, sequence, isAccepted })
      this.client.answer(packetId, isAccepted ? SUCCESS : NOT_AUTHORIZED)
      if (!this.isSettling && this.random.chance(CHANCE_OF_MARK)) this.#mark()
    }
    if (this.#queue.endsWith(DEAD)) return answer(true)
    // Nobody but the deadline takes it away.
    if (this.random.chance(CHANCE_OF_SILENCE)) return
    const isAccepted = version === 4 || !this.random.chance(CHANCE_OF_REFUSAL)
    if (!this.random.chance(CHANCE_OF_DELAY)) return answer(isAccepted)
    // What was handed to an earlier connection is not answered.
    const delay = this.random.whole(0, DELAY_MILLISECONDS_MAX)
    this.laterOnConnection(delay, () => answer(isAccepted))
  }

  /** It has durable subscribers, so it is acknowledged when it is on disk. */
  #mark(): void {
    const publisher = this.client.facts.clientId
    this.#sequence += 1
    const message = { publisher, sequence: this.#sequence, topic: `crash/data/${publisher}/1` }
    this.client.publish({ ...message, qos: 1, retain: false, isEmpty: false })
  }
}
