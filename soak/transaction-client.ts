// One connection of a client that uses transactions. Nothing of it is repeated by itself: whoever loses it makes a new one and begins again.

import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Door, type Ground, urlOf } from './ground.ts'

export type Outcome = 'committed' | 'aborted' | 'refused' | 'prepared'

interface TransactionOutcome {
  readonly id: string
  readonly outcome: Outcome
}

const OUTCOME = '$tx/outcome'
const UNDECIDED = '$tx/undecided'
const CONNECTS_MAX = 100
const AGAIN_MILLISECONDS = 200
const SETTINGS: IClientOptions = {
  protocolVersion: 5,
  clean: true,
  rejectUnauthorized: false,
  reconnectPeriod: 0,
}

export class TransactionClient {
  readonly mqtt: MqttClient
  isLost = false
  readonly #loss: Promise<never>
  readonly #waiting = new Map<string, (outcome: Outcome) => void>()
  #undecided: ((ids: readonly string[]) => void) | null = null

  private constructor(client: MqttClient) {
    this.mqtt = client
    this.#loss = new Promise((_resolve, reject) => {
      client.on('close', () => {
        this.isLost = true
        reject(new Error('the connection is lost'))
      })
    })
    this.#loss.catch(() => {})
    client.on('error', () => {})
    client.on('message', (topic, payload) => {
      if (topic === OUTCOME) this.#heard(JSON.parse(payload.toString()) as TransactionOutcome)
      if (topic === UNDECIDED) this.#undecided?.(JSON.parse(payload.toString()) as string[])
    })
  }

  static async connect(
    ground: Ground,
    door: Door,
    options: IClientOptions,
  ): Promise<TransactionClient> {
    for (let left = CONNECTS_MAX; ; left--) {
      try {
        const client = await mqtt.connectAsync(
          urlOf(ground, door),
          { ...SETTINGS, ...options },
          false,
        )
        const made = new TransactionClient(client)
        await made.whileThere(client.subscribeAsync(OUTCOME, { qos: 1 }))
        return made
      } catch (error) {
        if (!ground.losesConnections || left === 0) throw error
        await new Promise(resolve => setTimeout(resolve, AGAIN_MILLISECONDS))
      }
    }
  }

  /** Rejects when the connection is lost: MQTT.js would wait for another one. */
  whileThere<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return Promise.race([answer, this.#loss])
  }

  /** Says what is to be done. Resolves when that is acknowledged; with MQTT 5 a refusal rejects it. */
  async say(id: string, verb: string, payload: string, qos: 1 | 2 = 1): Promise<void> {
    await this.whileThere(this.mqtt.publishAsync(`$tx/${id}/${verb}`, payload, { qos }))
  }

  /** Commits, aborts or prepares, and resolves with what came on `$tx/outcome`. */
  async end(id: string, verb: 'commit' | 'abort' | 'prepare', count: number): Promise<Outcome> {
    const outcome = new Promise<Outcome>(resolve => this.#waiting.set(id, resolve))
    const said = this.say(id, verb, verb === 'abort' ? '' : `${count}`).catch(() => {})
    const [came] = await Promise.all([this.whileThere(outcome), said])
    return came
  }

  /** Resolves with the ids that the broker asks about. It does not ask a client that has nothing to decide. */
  async undecided(): Promise<readonly string[]> {
    const ids = new Promise<readonly string[]>(resolve => {
      this.#undecided = resolve
    })
    await this.whileThere(this.mqtt.subscribeAsync(UNDECIDED, { qos: 1 }))
    return this.whileThere(ids)
  }

  /** Without DISCONNECT. */
  async vanish(): Promise<void> {
    await this.mqtt.endAsync(true)
  }

  #heard({ id, outcome }: TransactionOutcome): void {
    this.#waiting.get(id)?.(outcome)
    this.#waiting.delete(id)
  }
}
