// Connects, subscribes, publishes and leaves: well or badly, with sessions that end at once or some seconds later.

import { connect as openSocket } from 'node:net'
import mqtt, { type MqttClient } from 'mqtt'
import { type Actor, type Door, type Ground, urlOf, whileThere } from '../ground.ts'

const DOORS: readonly Door[] = ['tcp', 'ws', 'tls']
const AT_ONCE_MAX = 20
const SESSION_SECONDS = 3
/** Packets that no client sends: the broker closes these connections. */
const NONSENSE = [
  Buffer.from([0x10, 0x02, 0x00, 0x04]),
  Buffer.from([0xf0, 0x00]),
  Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff]),
]

export class Churn implements Actor {
  readonly #ground: Ground
  readonly #milliseconds: number
  readonly #here = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | null = null
  #visits = 0
  #failures = 0
  #nonsense = 0

  constructor(ground: Ground, milliseconds: number) {
    this.#ground = ground
    this.#milliseconds = milliseconds
  }

  get done(): string {
    return `${this.#visits} visitors came and left, ${this.#failures} of them were not let in; ${this.#nonsense} sent nonsense`
  }

  start(): Promise<void> {
    this.#timer = setInterval(() => this.#tick(), this.#milliseconds)
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    await Promise.all(this.#here)
  }

  #tick(): void {
    if (this.#here.size >= AT_ONCE_MAX) return
    const visit = (this.#ground.random() < 0.1 ? this.#sendNonsense() : this.#visit()).catch(() => {
      this.#failures += 1
    })
    this.#here.add(visit)
    void visit.finally(() => this.#here.delete(visit))
  }

  async #visit(): Promise<void> {
    const { random } = this.#ground
    const number = ++this.#visits
    const isNew = random() < 0.5
    const protocolVersion = isNew ? 5 : 4
    const settings = {
      clientId: `visitor-${number}`,
      protocolVersion,
      clean: !isNew,
      rejectUnauthorized: false,
      reconnectPeriod: 0,
      will: {
        topic: `soak/visitors/${number % 50}/gone`,
        payload: Buffer.from('gone'),
        qos: 1,
        retain: false,
      },
      ...(isNew ? { properties: { sessionExpiryInterval: SESSION_SECONDS } } : {}),
    } as const
    // `false`: a connection that is lost before CONNACK is an error.
    const url = urlOf(this.#ground, DOORS[number % 3] ?? 'tcp')
    const client = await mqtt.connectAsync(url, settings, false)
    client.on('error', () => {})
    await whileThere(client, this.#act(client, number))
    if (random() < 0.5) await client.endAsync()
    // Without DISCONNECT its will is published.
    else await client.endAsync(true)
  }

  async #act(client: MqttClient, number: number): Promise<void> {
    const filters = [
      `soak/visitors/${number % 50}/+`,
      'soak/visitors/#',
      '$share/visitors/soak/visitors/+/in',
    ]
    await client.subscribeAsync(filters.slice(0, 1 + (number % 3)), { qos: 1 })
    for (let count = 0; count < number % 5; count++) {
      await client.publishAsync(`soak/visitors/${number % 50}/in`, `${count}`, {
        qos: count % 2 ? 1 : 2,
      })
    }
    if (number % 2 === 0) await client.unsubscribeAsync(filters[0] ?? '')
  }

  #sendNonsense(): Promise<void> {
    this.#nonsense += 1
    const socket = openSocket(this.#ground.ports.tcp, '127.0.0.1')
    socket.on('error', () => {}).resume()
    socket.write(NONSENSE[this.#nonsense % NONSENSE.length] ?? '')
    // One that is left open is closed by the broker.
    if (this.#ground.random() < 0.5) setTimeout(() => socket.destroy(), 100)
    return new Promise(resolve => socket.on('close', () => resolve()))
  }
}
