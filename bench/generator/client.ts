// A client of the broker. It connects and subscribes; its role handles all other packets.

import type { Address } from '../job.ts'
import { microsecondsNow } from './clock.ts'
import { Channel, type ChannelReceiver } from './channel.ts'
import {
  CONNACK,
  connectPacket,
  DISCONNECT_BYTES,
  PINGREQ_BYTES,
  type QoS,
  SUBACK,
  subscribePacket,
} from './packets.ts'
import { type PacketSink, PacketScanner } from './packet-scanner.ts'

/** Handles packets that are not about the connection. */
export interface Role {
  packet(first: number, bytes: Buffer, start: number, end: number): void
}

export class Client implements ChannelReceiver, PacketSink {
  readonly #channel: Channel
  readonly #scanner: PacketScanner = new PacketScanner(this)
  readonly #connect: Buffer
  readonly #isVersion5: boolean
  readonly #lost: (sentence: string) => void
  #answered: ((sentence: string | null) => void) | null = null
  #isLeaving = false
  #left: (() => void) | null = null
  role: Role | null = null

  /** Calls `lost` when a connected client loses its connection. */
  constructor(
    address: Address,
    clientId: string,
    cleanSession: boolean,
    lost: (sentence: string) => void,
    isVersion5 = false,
  ) {
    this.#connect = connectPacket(clientId, cleanSession, isVersion5)
    this.#isVersion5 = isVersion5
    this.#lost = lost
    this.#channel = new Channel(address, this)
  }

  /** Resolves with CONNACK. */
  connected(): Promise<void> {
    return this.#answer()
  }

  subscribe(filters: readonly string[], qos: QoS): Promise<void> {
    this.#channel.write(subscribePacket(1, filters, qos, this.#isVersion5))
    return this.#answer()
  }

  ping(): void {
    this.#channel.write(PINGREQ_BYTES)
  }

  /** See Channel.write. */
  write(bytes: Buffer): boolean {
    return this.#channel.write(bytes)
  }

  /** Sends DISCONNECT; resolves when the connection is closed. */
  leave(): Promise<void> {
    this.#isLeaving = true
    return new Promise(resolve => {
      this.#left = resolve
      this.#channel.end(DISCONNECT_BYTES)
    })
  }

  /** Destroys the connection without DISCONNECT. */
  drop(): void {
    this.#isLeaving = true
    this.#channel.reset()
  }

  opened(): void {
    this.#channel.write(this.#connect)
  }

  received(bytes: Buffer, start: number, end: number): void {
    microsecondsNow()
    this.#scanner.push(bytes, start, end)
  }

  closed(cause: string): void {
    this.#settle(cause)
    if (this.#isLeaving) this.#left?.()
    else this.#lost(cause)
  }

  packet(first: number, bytes: Buffer, start: number, end: number): void {
    const type = first >> 4
    if (type === CONNACK) this.#settle(refusalIn(bytes[start + 1] ?? 0, 'CONNACK', 0))
    else if (type === SUBACK) this.#settle(refusalIn(bytes[end - 1] ?? 0, 'SUBACK', 2))
    else this.role?.packet(first, bytes, start, end)
  }

  #answer(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#answered = sentence => {
        if (sentence === null) resolve()
        else reject(new Error(sentence))
      }
    })
  }

  #settle(sentence: string | null): void {
    const answered = this.#answered
    this.#answered = null
    answered?.(sentence)
  }
}

function refusalIn(code: number, packet: string, codeMax: number): string | null {
  return code <= codeMax ? null : `${packet} with return code ${code}`
}

/** Does something for each number below `count`, few at a time, because a broker's backlog is short. */
export async function inParallel<Result>(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      results[index] = await work(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker))
  return results
}
