// What actors with one client have in common: it connects when the broker is up, and comes back for the check.

import type { Client } from '../client.ts'
import type { Random } from '../random.ts'
import type { Actor } from './actor.ts'

const CONNECT_MILLISECONDS_MAX = 15

export abstract class ClientActor implements Actor {
  abstract readonly isSettled: boolean
  protected abstract readonly client: Client
  protected readonly random: Random
  protected isSettling = false
  #port = 0
  #timer: NodeJS.Timeout | null = null

  constructor(random: Random) {
    this.random = random
  }

  up(port: number): void {
    this.#port = port
    this.cameUp()
  }

  settle(): void {
    this.isSettling = true
    if (this.client.isIdle) this.connectAfter(0)
  }

  resume(): void {
    this.isSettling = false
    if (this.client.isConnected) this.resumed()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#port = 0
    this.client.cut()
  }

  /** The check is over, and the client is connected. */
  protected abstract resumed(): void

  protected cameUp(): void {
    this.connectAfter(this.random.whole(0, CONNECT_MILLISECONDS_MAX))
  }

  protected connect(port: number): void {
    this.client.connect(port, !this.client.facts.isDurable)
  }

  /** Tries to connect. While the broker is down that fails. */
  protected connectAfter(milliseconds: number): void {
    this.later(milliseconds, () => {
      if (this.#port !== 0 && this.client.isIdle) this.connect(this.#port)
    })
  }

  /** Does this in place of what was to be done later. */
  protected later(milliseconds: number, action: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(action, milliseconds)
  }

  /** Does this besides, if the client has the same connection then. */
  protected laterOnConnection(milliseconds: number, action: () => void): void {
    const { connections } = this.client
    setTimeout(() => {
      if (this.client.isConnected && this.client.connections === connections) action()
    }, milliseconds)
  }
}
