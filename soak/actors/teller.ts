// Publishes transactions, one after the other: some are committed, some aborted, some prepared before, and of some the connection is lost in the middle.

import { lost, type Actor, type Door, type Ground } from '../ground.ts'
import { type Outcome, TransactionClient } from '../transaction-client.ts'
import { payloadOf } from '../transaction-ledger.ts'

export interface TellerSettings {
  readonly clientId: string
  readonly door: Door
  readonly protocolVersion: 4 | 5
  readonly milliseconds: number
}

interface Staged {
  readonly number: number
  readonly id: string
  readonly parts: number
}

type Plan = (staged: Staged) => Promise<Outcome>

export const TRANSACTIONS_ROOT = 'soak/transactions/'
const PARTS_MAX = 4
/** One for all: a client gives its program a message of QoS 2 later than a message of QoS 1 that comes behind it. */
const QOS = 2

export class Teller implements Actor {
  readonly #ground: Ground
  readonly #settings: TellerSettings
  readonly #plans: readonly (readonly [weight: number, plan: Plan])[]
  #client: TransactionClient | null = null
  #number = 0
  #losses = 0
  #isStopping = false
  #work: Promise<void> = Promise.resolve()

  constructor(ground: Ground, settings: TellerSettings) {
    this.#ground = ground
    this.#settings = settings
    this.#plans = [
      [60, staged => this.#end(staged, 'commit')],
      [8, staged => this.#end(staged, 'abort')],
      [8, staged => this.#prepareAnd(staged, 'commit')],
      [4, staged => this.#prepareAnd(staged, 'abort')],
      [5, () => this.#giveUp()],
      [5, staged => this.#commitAndVanish(staged)],
      [5, staged => this.#prepareAndVanish(staged)],
      [5, staged => this.#end({ ...staged, parts: staged.parts + 1 }, 'commit')],
    ]
  }

  get done(): string {
    return `${this.#settings.clientId} decided ${this.#number} transactions and lost its connection ${this.#losses} times`
  }

  start(): Promise<void> {
    this.#work = this.#run()
    return Promise.resolve()
  }

  async finish(): Promise<void> {
    this.#isStopping = true
    await this.#work
  }

  async stop(): Promise<void> {
    await this.#client?.mqtt.endAsync()
  }

  async #run(): Promise<void> {
    const { milliseconds } = this.#settings
    while (!this.#isStopping) {
      this.#number += 1
      const parts = 2 + Math.floor(this.#ground.random() * (PARTS_MAX - 1))
      const staged = { number: this.#number, id: `soak.${this.#number}`, parts }
      await this.#decide(staged)
      await new Promise(resolve => setTimeout(resolve, milliseconds))
    }
  }

  async #decide(staged: Staged): Promise<void> {
    const { transactions } = this.#ground.ledger
    const { clientId } = this.#settings
    const outcome = await this.#outcomeOf(staged)
    if (outcome === 'committed') transactions.commit(clientId, staged.number)
    else transactions.drop(clientId, staged.number)
  }

  async #outcomeOf(staged: Staged): Promise<Outcome> {
    const plan = this.#plan()
    let asPlanned = true
    for (;;) {
      try {
        if (!asPlanned) return await this.#commitAgain(staged)
        await this.#stage(staged)
        return await plan(staged)
      } catch (error) {
        lost(this.#ground, `${this.#settings.clientId} at ${staged.id}: ${String(error)}`)
        await this.#vanish()
        asPlanned = false
      }
    }
  }

  #plan(): Plan {
    let left = this.#ground.random() * this.#plans.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, plan] of this.#plans) if ((left -= weight) < 0) return plan
    throw new Error('the weights are used up')
  }

  async #stage({ number, id, parts }: Staged): Promise<void> {
    const { clientId: stream, protocolVersion } = this.#settings
    const client = await this.#connected()
    const topic = `${TRANSACTIONS_ROOT}${stream}`
    const staged = Array.from({ length: parts }, (_, index) => {
      const part = index + 1
      const payload = payloadOf({ stream, number, part, parts })
      if (protocolVersion === 4 || part > 1) return client.say(id, `publish/${topic}`, payload, QOS)
      const properties = { userProperties: { $tx: id } }
      return client.whileThere(client.mqtt.publishAsync(topic, payload, { qos: QOS, properties }))
    })
    await Promise.all(staged)
  }

  async #end({ id, parts }: Staged, verb: 'commit' | 'abort'): Promise<Outcome> {
    const client = await this.#connected()
    return client.end(id, verb, parts)
  }

  async #prepareAnd(staged: Staged, verb: 'commit' | 'abort'): Promise<Outcome> {
    await this.#prepare(staged)
    return this.#end(staged, verb)
  }

  async #giveUp(): Promise<Outcome> {
    await this.#vanish()
    return 'refused'
  }

  /** The commit may have been carried out or not. All of it is said again, under the same number. */
  async #commitAndVanish(staged: Staged): Promise<Outcome> {
    const client = await this.#connected()
    const ended = client.end(staged.id, 'commit', staged.parts).catch(() => {})
    const whenLost = this.#ground.random()
    if (whenLost < 0.3) await ended
    else if (whenLost < 0.7) await new Promise(resolve => setTimeout(resolve, 2))
    await this.#vanish()
    await ended
    return this.#commitAgain(staged)
  }

  async #commitAgain(staged: Staged): Promise<Outcome> {
    await this.#stage(staged)
    return this.#end(staged, 'commit')
  }

  async #prepareAndVanish(staged: Staged): Promise<Outcome> {
    await this.#prepare(staged)
    await this.#vanish()
    const client = await this.#connected()
    const ids = await client.undecided()
    if (ids.join() !== staged.id) {
      this.#ground.ledger.found(`${this.#settings.clientId} is asked about ${ids.join()}`)
    }
    return this.#end(staged, this.#ground.random() < 0.5 ? 'commit' : 'abort')
  }

  async #prepare({ id, parts }: Staged): Promise<void> {
    const client = await this.#connected()
    const outcome = await client.end(id, 'prepare', parts)
    if (outcome !== 'prepared') throw new Error(`it was ${outcome}, not prepared`)
  }

  async #connected(): Promise<TransactionClient> {
    const { door, clientId, protocolVersion } = this.#settings
    const options = { clientId, protocolVersion }
    if (this.#client?.isLost === true) this.#client = null
    return (this.#client ??= await TransactionClient.connect(this.#ground, door, options))
  }

  async #vanish(): Promise<void> {
    this.#losses += 1
    await this.#client?.vanish()
    this.#client = null
  }
}
