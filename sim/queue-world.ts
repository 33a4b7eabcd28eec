// The named queues of one world: their consumers, what is checked of them, and how they come to rest.

import type { QueueTask } from '../src/broker/queue-tasks.ts'
import type { NamedQueue } from '../src/session/named-queue/named-queue.ts'
import { QueueOracle } from './queue-oracle.ts'
import { changesOf, type QueuesOfWorld, type SimQueueSettings } from './queue-settings.ts'
import { QueueWorker } from './queue-worker.ts'
import type { ClientWorld } from './sim-client.ts'

/** The longest time until a broker obeys an operator. */
const OBEYED_MS = 5_000
/** The longest time between two commands. */
const OPERATION_PAUSE_MS = 20_000
const SWEEP_PAUSE_MS = 1_000

/** Changes the queue by an operator's command; null deletes it. */
type Operator = (name: string, changes: Partial<SimQueueSettings> | null) => void

export interface OperatedWorld extends ClientWorld {
  /** The world of one client, if each has its own. */
  readonly worldOf?: (clientId: string) => ClientWorld
  /** The first letters of the names of consumers; `w` if it is left out. */
  readonly workerPrefix?: string
  readonly operates: Operator
  readonly sweeps: (name: string, task: QueueTask, max: number) => void
}

export class QueueWorld {
  readonly oracle: QueueOracle
  readonly #world: OperatedWorld
  readonly #terms: QueuesOfWorld
  readonly #workers: QueueWorker[] = []
  #isCalm = false

  constructor(world: OperatedWorld, terms: QueuesOfWorld) {
    this.#world = world
    this.#terms = terms
    this.oracle = new QueueOracle(world.history, world.events, terms)
    const names = [...terms.named.keys()]
    for (let index = 0; index < terms.workers; index++) {
      this.#joins(`${world.workerPrefix ?? 'w'}${index + 1}`, names[index % names.length] ?? '')
    }
  }

  begins(): void {
    for (const worker of this.#workers) worker.begins()
    if (this.#terms.operation !== 'none') this.#operates()
  }

  /** An operator changes a queue, or deletes one and makes it again, until the calm begins. */
  #operates(): void {
    const { random, named, operation } = this.#terms
    const { events } = this.#world
    const pauseMs = operation === 'sweep' ? SWEEP_PAUSE_MS : OPERATION_PAUSE_MS
    events.after(random.between(pauseMs / 20, pauseMs), () => {
      if (this.#isCalm) return
      const name = random.of([...named.keys()])
      if (operation === 'sweep') this.#sweeps(name)
      const isDeleted = operation === 'delete'
      if (isDeleted) this.#world.operates(name, null)
      if (operation !== 'sweep')
        this.#world.operates(name, isDeleted ? (named.get(name) ?? {}) : changesOf(random))
      // By then the command was obeyed, or never will be.
      if (isDeleted) events.after(OBEYED_MS, () => this.oracle.deleted(name))
      this.#operates()
    })
  }

  #sweeps(name: string): void {
    const { random, named } = this.#terms
    const max = random.of([1, 3, 1_000_000])
    const others = [...named.keys()].filter(each => each !== name)
    const task = random.of<QueueTask['kind']>(['purge', 'move', 'move', 'redrive', 'redrive'])
    if (task === 'redrive') this.#world.sweeps(`${name}.dead`, { kind: task }, max)
    else if (task === 'move') this.#world.sweeps(name, { kind: task, to: random.of(others) }, max)
    else this.#world.sweeps(name, { kind: task }, max)
  }

  calmsDown(): void {
    this.#isCalm = true
    for (const worker of this.#workers) worker.calmsDown()
  }

  /** The dead letters are read. */
  readsDeadLetters(): void {
    for (const name of this.#terms.named.keys()) {
      const reader = this.#joins(`reader of ${name}`, `${name}.dead`)
      reader.isCalm = true
      reader.begins()
    }
  }

  /** Checks that nothing is left in the queues of the broker, and all that must hold in the end. */
  judge(queues: readonly NamedQueue[]): void {
    for (const { name, queue, inFlight, handOuts } of queues) {
      const aside = handOuts.aside.length
      if (queue.messages + inFlight + aside === 0) continue
      const left = `${queue.messages} messages, ${inFlight} in flight, ${aside} aside`
      this.#world.history.violation('hang', `the queue ${name} has ${left}`)
    }
    this.oracle.judge()
  }

  #joins(clientId: string, queue: string): QueueWorker {
    const version = this.#terms.random.chance(4) && !queue.endsWith('.dead') ? 4 : 5
    const names = { clientId, queue }
    const world = this.#world.worldOf?.(clientId) ?? this.#world
    const worker = new QueueWorker(names, version, world, this.oracle, this.#terms)
    this.#workers.push(worker)
    this.oracle.joins(worker)
    return worker
  }
}
