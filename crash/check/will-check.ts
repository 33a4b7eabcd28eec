// Checks wills. A will is published once when its connection is lost, also by a kill of the broker, and never after the broker
// received DISCONNECT. A will with a delay may be discarded when its client reconnects.

import type { ConnectingEvent, DeliveredEvent, LoggedEvent, WillSettings } from '../event.ts'
import type { Report } from './finding.ts'

interface WillAccount extends WillSettings {
  /** The will of the connection before this one. */
  older: WillAccount | null
  isConnected: boolean
  /** The watchers that were certainly subscribed before the will can have been published. */
  readonly dueTo: Set<string>
  isOver: boolean
  saidGoodbye: boolean
  /** The broker was killed before the client connected again, so it may not have received DISCONNECT. */
  sawKill: boolean
  /** The client reconnected: a delayed will may be discarded. */
  isReplaced: boolean
  /** The broker certainly received DISCONNECT: the will must never be published. */
  isForbidden: boolean
  readonly receivedBy: Map<string, number>
}

export const WILL_PREFIX = 'will:'

export class WillCheck {
  published = 0
  readonly #wills = new Map<string, WillAccount>()
  readonly #latest = new Map<string, WillAccount>()
  /** The watchers whose SUBACK arrived. */
  readonly #watchers = new Set<string>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  see(event: LoggedEvent): void {
    switch (event.kind) {
      case 'connecting':
        return this.#connecting(event)
      case 'connected':
        return this.#connected(event.client)
      case 'disconnecting':
        return this.#update(event.client, will => (will.saidGoodbye = true))
      case 'closed':
        return this.#update(event.client, will => (will.isOver = true))
      case 'killed':
        for (const will of this.#latest.values()) sawKill(will)
        return
      case 'subscribed':
        if (event.filter === WILL_FILTER) this.#watching(event.client)
        return
      case 'delivered':
        if (event.publisher.startsWith(WILL_PREFIX)) this.#delivered(event)
        return
      case 'quiet':
        return this.#quiet()
      default:
    }
  }

  /** Returns the wills that a watcher must still receive. */
  missing(): readonly string[] {
    const keys: string[] = []
    for (const [key, will] of this.#wills) {
      if (!isOwed(will)) continue
      for (const watcher of will.dueTo) {
        if (!will.receivedBy.has(watcher)) keys.push(`${key} at ${watcher}`)
      }
    }
    return keys
  }

  /** Adds a watcher to the wills whose connection is open. Wills that were published before are not due to it. */
  #watching(client: string): void {
    this.#watchers.add(client)
    for (const will of this.#latest.values()) {
      if (will.isConnected && !will.isOver && !will.sawKill) will.dueTo.add(client)
    }
  }

  #connecting({ client, will }: ConnectingEvent): void {
    const older = this.#latest.get(client) ?? null
    if (older !== null) older.isReplaced = true
    if (will === null) return
    const account: WillAccount = {
      ...will,
      older,
      isConnected: false,
      dueTo: new Set(),
      isOver: false,
      saidGoodbye: false,
      sawKill: false,
      isReplaced: false,
      isForbidden: false,
      receivedBy: new Map(),
    }
    if (older !== null) older.older = null
    this.#wills.set(keyOf(will), account)
    this.#latest.set(client, account)
  }

  #connected(client: string): void {
    const will = this.#latest.get(client)
    if (will === undefined) return
    will.isConnected = true
    for (const watcher of this.#watchers) will.dueTo.add(watcher)
    const { older } = will
    if (older === null || !older.saidGoodbye || older.sawKill) return
    older.isForbidden = true
    if (older.receivedBy.size > 0) this.#unwanted(older)
  }

  #delivered(event: DeliveredEvent): void {
    const will = this.#wills.get(keyOf(event))
    if (will === undefined) {
      this.#report('will', `${event.client} received ${keyOf(event)}, which is over or never was`)
      return
    }
    const count = (will.receivedBy.get(event.client) ?? 0) + 1
    will.receivedBy.set(event.client, count)
    if (count === 1) this.published += 1
    else this.#report('will', `${event.client} received ${keyOf(event)} ${count} times`)
    if (will.isForbidden) this.#unwanted(will)
  }

  #quiet(): void {
    for (const key of this.missing()) this.#report('will', `${key} was not published`)
    for (const [key, will] of this.#wills) {
      if (will.isOver || will.isReplaced) this.#wills.delete(key)
    }
  }

  #unwanted(will: WillAccount): void {
    this.#report('will', `${keyOf(will)} was published, though its client had sent DISCONNECT`)
  }

  #update(client: string, change: (will: WillAccount) => void): void {
    const will = this.#latest.get(client)
    if (will !== undefined) change(will)
  }
}

export const WILL_FILTER = 'crash/will/#'

function keyOf({ publisher, sequence }: { publisher: string; sequence: number }): string {
  return `${publisher}/${sequence}`
}

function sawKill(will: WillAccount): void {
  will.sawKill = true
  if (will.older !== null) will.older.sawKill = true
}

function isOwed(will: WillAccount): boolean {
  const mayBeForgotten = will.isReplaced && will.delaySeconds > 0
  return will.isConnected && will.isOver && !will.saidGoodbye && !mayBeForgotten
}
