import type { Message } from '../message.ts'
import { topicMatches } from './topic.ts'
export interface RetainedCursor { next(): Message | null }
export class RetainedMessages {
  readonly #messages = new Map<string, Message>()
  #bytes = 0
  get count(): number { return this.#messages.size }
  get payloadBytes(): number { return this.#bytes }
  get(topic: string): Message | undefined { return this.#messages.get(topic) }
  set(message: Message): void { this.clear(message.topic); this.#messages.set(message.topic, message); this.#bytes += message.payload.length }
  clear(topic: string): boolean { const m = this.#messages.get(topic); if (!m) return false; this.#bytes -= m.payload.length; return this.#messages.delete(topic) }
  matching(filter: string, sequenceMax: number): RetainedCursor {
    const it = this.#messages.values()
    return { next: () => { for (;;) { const n = it.next(); if (n.done) return null; if (n.value.sequence <= sequenceMax && topicMatches(filter, n.value.topic)) return n.value } } }
  }
}
