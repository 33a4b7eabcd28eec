// Subscribes to everything at QoS 0 and at QoS 1, and reads nothing for some seconds, again and again.

import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import { type Actor, type Ground, urlOf } from '../ground.ts'

export class SlowReader implements Actor {
  readonly #ground: Ground
  readonly #clientId: string
  readonly #milliseconds: number
  #client: MqttClient | null = null
  #timer: NodeJS.Timeout | null = null
  #pauses = 0
  #received = 0
  #connections = 0

  constructor(ground: Ground, clientId: string, milliseconds: number) {
    this.#ground = ground
    this.#clientId = clientId
    this.#milliseconds = milliseconds
  }

  get done(): string {
    return `${this.#clientId} paused ${this.#pauses} times in ${this.#connections} connections and received ${this.#received}`
  }

  async start(): Promise<void> {
    const client = mqtt.connect(urlOf(this.#ground, 'tcp'), {
      clientId: this.#clientId,
      protocolVersion: 5,
      clean: true,
      reconnectPeriod: 200,
      keepalive: 0,
    })
    // The broker may disconnect one that reads nothing for long.
    client.on('error', () => {})
    client.on('connect', () => {
      this.#connections += 1
    })
    client.on('message', () => {
      this.#received += 1
    })
    await new Promise<void>(resolve => client.once('connect', () => resolve()))
    await client.subscribeAsync({ 'soak/#': { qos: 0 }, 'soak/data/#': { qos: 1 } })
    this.#client = client
    this.#timer = setInterval(() => this.#pauseOrResume(), this.#milliseconds)
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#client?.endAsync(true)
  }

  #pauseOrResume(): void {
    const stream = this.#client?.stream
    if (stream === undefined) return
    if (stream.isPaused()) stream.resume()
    else {
      this.#pauses += 1
      stream.pause()
    }
  }
}
