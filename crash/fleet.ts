// All clients of a run.

import type { Actor } from './actors/actor.ts'
import { WillClient } from './actors/will-client.ts'
import { MosquittoSub } from './actors/mosquitto-sub.ts'
import { aimAtQueues, aimAtTopics, aimAtWorkers, Publisher } from './actors/publisher.ts'
import { QueueWorker } from './actors/queue-worker.ts'
import { Restarter } from './actors/restarter.ts'
import { RetainedReader } from './actors/retained-reader.ts'
import { Subscriber, type SubscriberSettings } from './actors/subscriber.ts'
import { TransactionalWorker } from './actors/transactional-worker.ts'
import { TransactionMaker } from './actors/transaction-maker.ts'
import type { ClientSettings } from './client.ts'
import { WILL_FILTER } from './check/will-check.ts'
import type { EventLog } from './event-log.ts'
import { DEAD, FILLER, QUEUES } from './queues.ts'
import type { Random } from './random.ts'
import { FEEDER, TRANSACTION_FILTER, TRANSACTOR } from './transactions.ts'

export interface FleetOptions {
  readonly messagesPerLife: number
  readonly withMosquittoSub: boolean
  readonly withQueues: boolean
}

const DATA = 'crash/data/#'
const GROUP_OF_DURABLE = '$share/durable/crash/work/#'
const GROUP_OF_MIXED = '$share/mixed/crash/work/#'

const PUBLISHERS = [
  { clientId: 'publisher-1', version: 5, qos: [1, 2], window: 20 },
  { clientId: 'publisher-2', version: 4, qos: [1, 2], window: 10 },
  { clientId: 'publisher-3', version: 5, qos: [2], window: 16 },
  { clientId: 'publisher-4', version: 4, qos: [1], window: 12 },
] as const

const SUBSCRIBERS: readonly (readonly [facts: ClientSettings, settings: SubscriberSettings])[] = [
  [durable('steady-5', 5), { presence: 'always', subscriptions: [[DATA, 2]] }],
  [
    durable('steady-4', 4),
    {
      presence: 'always',
      subscriptions: [
        [DATA, 1],
        ['crash/retained/#', 2],
      ],
    },
  ],
  [durable('wanderer-5', 5), { presence: 'coming-and-going', subscriptions: [[DATA, 2]] }],
  [durable('sleeper-4', 4), { presence: 'sleeping', subscriptions: [[DATA, 2]] }],
  [durable('sleeper-5', 5), { presence: 'sleeping', subscriptions: [[DATA, 1]] }],
  [durable('watcher', 5), { presence: 'always', subscriptions: [[WILL_FILTER, 2]] }],
  [durable('worker-1', 5), { presence: 'always', subscriptions: [[GROUP_OF_DURABLE, 2]] }],
  [
    durable('worker-2', 4),
    { presence: 'coming-and-going', subscriptions: [[GROUP_OF_DURABLE, 2]] },
  ],
  [durable('worker-3', 5), { presence: 'sleeping', subscriptions: [[GROUP_OF_DURABLE, 2]] }],
  // One member of this group has no durable session, so only QoS 1 is checked here.
  [durable('worker-4', 5), { presence: 'coming-and-going', subscriptions: [[GROUP_OF_MIXED, 1]] }],
  [
    { clientId: 'worker-5', version: 4, isDurable: false },
    { presence: 'coming-and-going', subscriptions: [[GROUP_OF_MIXED, 1]] },
  ],
]

const WILL_CLIENTS = [
  { facts: { clientId: 'will-4', version: 4, isDurable: false }, delaySeconds: 0 },
  { facts: { clientId: 'will-5', version: 5, isDurable: true }, delaySeconds: 0 },
  { facts: { clientId: 'will-delayed', version: 5, isDurable: true }, delaySeconds: 1 },
] as const

const FILLERS = [
  { clientId: `${FILLER}1`, version: 5, qos: [1, 2], window: 12 },
  { clientId: `${FILLER}2`, version: 4, qos: [1, 2], window: 6 },
] as const
/** New messages into queues, of all that are new. */
const FILLING = 0.2
/** The consumers of each queue. */
const WORKERS = [
  { version: 5, isDurable: true },
  { version: 4, isDurable: true },
  { version: 5, isDurable: false },
] as const

const TRANSACTION_READERS: typeof SUBSCRIBERS = [
  [
    durable('transaction-reader-1', 5),
    {
      presence: 'always',
      subscriptions: [
        [TRANSACTION_FILTER, 2],
        [DATA, 1],
      ],
    },
  ],
  [
    durable('transaction-reader-2', 4),
    { presence: 'coming-and-going', subscriptions: [[TRANSACTION_FILTER, 2]] },
  ],
  [
    durable('transaction-reader-3', 5),
    { presence: 'sleeping', subscriptions: [[TRANSACTION_FILTER, 1]] },
  ],
]
const TRANSACTION_MAKERS = [
  { clientId: `${TRANSACTOR}shop-1`, version: 5, isDurable: true },
  { clientId: `${TRANSACTOR}shop-2`, version: 5, isDurable: false },
  { clientId: `${TRANSACTOR}shop-3`, version: 4, isDurable: false },
] as const
const TRANSACTIONAL_WORKERS = [
  { queue: 'orders', isDurable: true },
  { queue: 'orders', isDurable: false },
  { queue: 'tasks', isDurable: true },
  { queue: 'tasks', isDurable: false },
] as const
/** New messages for transactional workers, of all that are new. */
const FEEDING = 0.06

export class Fleet {
  readonly #actors: readonly Actor[]
  readonly #reader: RetainedReader

  constructor(log: EventLog, random: Random, options: FleetOptions) {
    const messagesPerLife = Math.ceil(options.messagesPerLife / PUBLISHERS.length)
    this.#reader = new RetainedReader('reader', log, random.fork())
    this.#actors = [
      ...PUBLISHERS.map(
        ({ clientId, version, qos, window }) =>
          new Publisher(
            { clientId, version, isDurable: true },
            { qos, window, messagesPerLife, aim: aimAtTopics },
            log,
            random.fork(),
          ),
      ),
      ...SUBSCRIBERS.map(
        ([facts, settings]) => new Subscriber(facts, settings, log, random.fork()),
      ),
      new Restarter('restarter', log, random.fork()),
      ...WILL_CLIENTS.map(
        ({ facts, delaySeconds }) => new WillClient(facts, delaySeconds, log, random.fork()),
      ),
      this.#reader,
      ...(options.withQueues ? queueActors(log, random, options.messagesPerLife) : []),
      ...(options.withQueues ? transactionActors(log, random, options.messagesPerLife) : []),
      ...(options.withMosquittoSub
        ? [new MosquittoSub('mosquitto-1', 1, log), new MosquittoSub('mosquitto-2', 1, log)]
        : []),
    ]
  }

  /** Whether a client does something that a kill would make ambiguous. */
  get isBusy(): boolean {
    return this.#actors.some(({ isBusy }) => isBusy === true)
  }

  get isSettled(): boolean {
    return this.#actors.every(({ isSettled }) => isSettled)
  }

  up(port: number): void {
    for (const actor of this.#actors) actor.up(port)
  }

  settle(): void {
    for (const actor of this.#actors) actor.settle()
  }

  resume(): void {
    for (const actor of this.#actors) actor.resume()
  }

  readRetained(): void {
    this.#reader.read()
  }

  stop(): void {
    for (const actor of this.#actors) actor.stop()
  }
}

function queueActors(log: EventLog, random: Random, messages: number): readonly Actor[] {
  const messagesPerLife = Math.ceil((messages * FILLING) / FILLERS.length)
  const consumer = (queue: string, number: number, facts: Omit<ClientSettings, 'clientId'>) => {
    const clientId = `consumer-${queue}-${number}`
    return new QueueWorker({ clientId, receiveMax: 8, ...facts }, queue, log, random.fork())
  }
  const queues = Object.keys(QUEUES)
  return [
    ...FILLERS.map(({ clientId, version, qos, window }) => {
      const settings = { qos, window, messagesPerLife, aim: aimAtQueues }
      return new Publisher({ clientId, version, isDurable: true }, settings, log, random.fork())
    }),
    ...queues.flatMap(queue => WORKERS.map((facts, index) => consumer(queue, index + 1, facts))),
    ...queues.map(queue => consumer(queue + DEAD, 1, { version: 5, isDurable: true })),
  ]
}

function transactionActors(log: EventLog, random: Random, messages: number): readonly Actor[] {
  const feeder = { clientId: `${FEEDER}1`, version: 5, isDurable: true } as const
  const messagesPerLife = Math.ceil(messages * FEEDING)
  const settings = { qos: [2], window: 8, messagesPerLife, aim: aimAtWorkers } as const
  return [
    ...TRANSACTION_READERS.map(
      ([facts, behaviour]) => new Subscriber(facts, behaviour, log, random.fork()),
    ),
    ...TRANSACTION_MAKERS.map(facts => new TransactionMaker(facts, log, random.fork())),
    ...TRANSACTIONAL_WORKERS.map(({ queue, isDurable }, index) => {
      const clientId = `${TRANSACTOR}${queue}-${index + 1}`
      const facts = { clientId, version: 5, isDurable, receiveMax: 8 } as const
      return new TransactionalWorker(facts, queue, log, random.fork())
    }),
    new Publisher(feeder, settings, log, random.fork()),
  ]
}

function durable(clientId: string, version: 4 | 5): ClientSettings {
  return { clientId, version, isDurable: true, receiveMax: 24 }
}
