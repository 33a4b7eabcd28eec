// Everybody who takes part in a run.

import type { Actor } from './actors/actor.ts'
import { Mortal } from './actors/mortal.ts'
import { MosquittoSub } from './actors/mosquitto-sub.ts'
import { Publisher } from './actors/publisher.ts'
import { Restarter } from './actors/restarter.ts'
import { RetainedReader } from './actors/retained-reader.ts'
import { Subscriber, type SubscriberHabits } from './actors/subscriber.ts'
import type { ClientFacts } from './client.ts'
import { WILL_FILTER } from './check/will-check.ts'
import type { Ledger } from './ledger.ts'
import type { Random } from './random.ts'

export interface FleetOptions {
  readonly messagesPerLife: number
  readonly withMosquittoSub: boolean
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

const SUBSCRIBERS: readonly (readonly [facts: ClientFacts, habits: SubscriberHabits])[] = [
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
  // One member of this group leaves no trace when it goes, so only QoS 1 can be promised.
  [durable('worker-4', 5), { presence: 'coming-and-going', subscriptions: [[GROUP_OF_MIXED, 1]] }],
  [
    { clientId: 'worker-5', version: 4, isDurable: false },
    { presence: 'coming-and-going', subscriptions: [[GROUP_OF_MIXED, 1]] },
  ],
]

const MORTALS = [
  { facts: { clientId: 'mortal-4', version: 4, isDurable: false }, delaySeconds: 0 },
  { facts: { clientId: 'mortal-5', version: 5, isDurable: true }, delaySeconds: 0 },
  { facts: { clientId: 'mortal-delayed', version: 5, isDurable: true }, delaySeconds: 1 },
] as const

export class Fleet {
  readonly #actors: readonly Actor[]
  readonly #reader: RetainedReader

  constructor(ledger: Ledger, random: Random, options: FleetOptions) {
    const messagesPerLife = Math.ceil(options.messagesPerLife / PUBLISHERS.length)
    this.#reader = new RetainedReader('reader', ledger, random.fork())
    this.#actors = [
      ...PUBLISHERS.map(
        ({ clientId, version, qos, window }) =>
          new Publisher(
            { clientId, version, isDurable: true },
            { qos, window, messagesPerLife },
            ledger,
            random.fork(),
          ),
      ),
      ...SUBSCRIBERS.map(([facts, habits]) => new Subscriber(facts, habits, ledger, random.fork())),
      new Restarter('restarter', ledger, random.fork()),
      ...MORTALS.map(
        ({ facts, delaySeconds }) => new Mortal(facts, delaySeconds, ledger, random.fork()),
      ),
      this.#reader,
      ...(options.withMosquittoSub
        ? [new MosquittoSub('stranger-1', 1, ledger), new MosquittoSub('stranger-2', 1, ledger)]
        : []),
    ]
  }

  /** Somebody does what a kill would spoil. */
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

function durable(clientId: string, version: 4 | 5): ClientFacts {
  return { clientId, version, isDurable: true, receiveMax: 24 }
}
