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

export class TransactionClient {
  readonly mqtt: MqttClient
  readonly #waiting = new Map<string, (outcome: Outcome | Error) => void>()
  #undecided: ((ids: readonly string[]) => void) | null = null

  private constructor(client: MqttClient) {
    this.mqtt = client
    client.on('close', () => {
      for (const answer of this.#waiting.values()) answer(new Error('the connection is lost'))
      this.#waiting.clear()
    })
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
    const client = await mqtt.connectAsync(urlOf(ground, door), {
      protocolVersion: 5,
      clean: true,
      rejectUnauthorized: false,
      reconnectPeriod: 0,
      ...options,
    })
    client.on('error', () => {})
    const made = new TransactionClient(client)
    await client.subscribeAsync(OUTCOME, { qos: 1 })
    return made
  }

  /** Says what is to be done. Resolves when that is acknowledged; with MQTT 5 a refusal rejects it. */
  async say(id: string, verb: string, payload: string, qos: 1 | 2 = 1): Promise<void> {
    await this.mqtt.publishAsync(`$tx/${id}/${verb}`, payload, { qos })
  }

  /** Commits, aborts or prepares, and resolves with what came on `$tx/outcome`. */
  async end(id: string, verb: 'commit' | 'abort' | 'prepare', count: number): Promise<Outcome> {
    const outcome = new Promise<Outcome | Error>(resolve => this.#waiting.set(id, resolve))
    const said = this.say(id, verb, verb === 'abort' ? '' : `${count}`).catch(() => {})
    const [came] = await Promise.all([outcome, said])
    if (came instanceof Error) throw came
    return came
  }

  /** Resolves with the ids that the broker asks about. It does not ask a client that has nothing to decide. */
  async undecided(): Promise<readonly string[]> {
    const ids = new Promise<readonly string[]>(resolve => {
      this.#undecided = resolve
    })
    await this.mqtt.subscribeAsync(UNDECIDED, { qos: 1 })
    return ids
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
