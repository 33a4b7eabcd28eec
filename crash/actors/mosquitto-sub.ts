// A durable subscriber that we did not write: mosquitto_sub. Its debug lines show when it was subscribed.
// At QoS 1 only: libmosquitto 2.0 keeps a repeated PUBLISH of QoS 2 beside the first under the same identifier, and
// delivers the older one when PUBREL comes for another message.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { EventLog } from '../event-log.ts'
import { readPayload } from '../payload.ts'
import type { Actor } from './actor.ts'

const MARK = 'message'
const FILTER = 'crash/data/#'

export class MosquittoSub implements Actor {
  readonly #clientId: string
  readonly #qos: 1
  readonly #log: EventLog
  #child: ChildProcess | null = null
  #isConnected = false

  constructor(clientId: string, qos: 1, log: EventLog) {
    this.#clientId = clientId
    this.#qos = qos
    this.#log = log
  }

  get isSettled(): boolean {
    return this.#isConnected
  }

  up(port: number): void {
    // mosquitto_sub reconnects by itself, a second after it has lost the broker.
    if (this.#child !== null) return
    const words = ['-h', '127.0.0.1', '-p', String(port), '-i', this.#clientId, '-c', '-d']
    const what = ['-q', String(this.#qos), '-t', FILTER, '-F', `${MARK} %q %r %t %p`]
    // This is recorded early: the debug lines of mosquitto_sub arrive later than their events.
    this.#connecting()
    this.#subscribing()
    const command = ['-oL', '-eL', 'mosquitto_sub', ...words, ...what]
    const child = spawn('stdbuf', command, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', line => this.#hear(line))
  }

  settle(): void {
    // It has no settings.
  }

  resume(): void {
    // It has no settings.
  }

  stop(): void {
    this.#child?.kill('SIGTERM')
  }

  #hear(line: string): void {
    const client = this.#clientId
    if (line.startsWith(`${MARK} `)) {
      this.#delivered(line)
    } else if (line.endsWith('sending CONNECT')) {
      this.#isConnected = false
      this.#connecting()
    } else if (line.includes('sending SUBSCRIBE')) {
      this.#subscribing()
    } else if (line.includes('received SUBACK')) {
      this.#isConnected = true
      this.#log.record({ kind: 'subscribed', client, filter: FILTER })
    }
  }

  #connecting(): void {
    const facts = { cleanStart: false, isDurable: true, will: null }
    this.#log.record({ kind: 'connecting', client: this.#clientId, ...facts })
  }

  #subscribing(): void {
    const facts = { filter: FILTER, qos: this.#qos }
    this.#log.record({ kind: 'subscribing', client: this.#clientId, ...facts })
  }

  #delivered(line: string): void {
    const [, qos, retain, topic = '', ...words] = line.split(' ')
    const read = readPayload(words.join(' '))
    if (retain === '1' || read === null) return
    this.#log.record({
      kind: 'delivered',
      client: this.#clientId,
      ...read,
      topic,
      qos: qos === '2' ? 2 : 1,
      // The output format of mosquitto_sub cannot show DUP.
      duplicate: false,
    })
  }
}
