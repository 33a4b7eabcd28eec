// One, three or five nats-servers with JetStream, of which one after the other is killed.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../random.ts'
import { NatsServer } from './nats-server.ts'

const PAUSE_MS_MIN = 200
const PAUSE_MS_MAX = 3_000
const AWAY_MS_MAX = 1_500

export class NatsCluster {
  readonly #servers: readonly NatsServer[]
  readonly #random: Random
  #isStriking = false
  #striking: Promise<void> = Promise.resolve()
  /** How often a server was killed. */
  kills = 0

  /** `ports`: where the servers find each other, one for each. */
  constructor(directory: string, ports: readonly number[], random: Random) {
    this.#random = random
    this.#servers = ports.map((port, index) => {
      const place = join(directory, `nats-${index}`)
      mkdirSync(place)
      return new NatsServer(place, configOf(place, ports, port))
    })
  }

  get urls(): readonly string[] {
    return this.#servers.map(({ url }) => url)
  }

  async start(): Promise<void> {
    await Promise.all(this.#servers.map(server => server.start()))
  }

  /** Kills and starts servers, one at a time, until it is told to rest. */
  strike(): void {
    if (this.#isStriking) return
    this.#isStriking = true
    this.#striking = this.#strikes()
  }

  /** All servers run when it resolves. */
  async rest(): Promise<void> {
    this.#isStriking = false
    await this.#striking
  }

  async stop(): Promise<void> {
    await this.rest()
    await Promise.all(this.#servers.map(server => server.kill()))
  }

  async #strikes(): Promise<void> {
    while (this.#isStriking) {
      await sleep(this.#random.whole(PAUSE_MS_MIN, PAUSE_MS_MAX))
      const server = this.#servers[this.#random.whole(0, this.#servers.length - 1)]
      if (server === undefined || !this.#isStriking) return
      await server.kill()
      this.kills += 1
      await sleep(this.#random.whole(0, AWAY_MS_MAX))
      await server.start()
    }
  }
}

function configOf(place: string, ports: readonly number[], port: number): string {
  const lines = [`server_name: "n${port}"`, `jetstream { store_dir: "${place}" }`]
  if (ports.length === 1) return lines.join('\n')
  const routes = ports.map(each => `"nats://127.0.0.1:${each}"`).join(', ')
  const cluster = `cluster { name: crash, listen: "127.0.0.1:${port}", routes: [${routes}] }`
  return [...lines, cluster].join('\n')
}
