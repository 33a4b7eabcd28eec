// What consumers know to be on disk: what they did before they published a message that must be stored, once that is acknowledged.

import type { LoggedEvent } from '../event.ts'

type Proven = () => void

export class QueueMarks {
  /** By client: what it did on its present connection since its last message. */
  readonly #since = new Map<string, Proven[]>()
  /** By message: what came before it on its connection. */
  readonly #behind = new Map<string, { readonly client: string; readonly proven: Proven[] }>()

  /** Calls `proven` when it is certain that this act of the client is on disk. */
  add(client: string, proven: Proven): void {
    const acts = this.#since.get(client) ?? []
    acts.push(proven)
    this.#since.set(client, acts)
  }

  see(event: LoggedEvent): void {
    if (event.kind === 'publishing') {
      const { publisher: client, sequence } = event
      const proven = this.#since.get(client)
      if (proven === undefined) return
      this.#since.delete(client)
      this.#behind.set(`${client}/${sequence}`, { client, proven })
    } else if (event.kind === 'accepted') {
      const key = `${event.publisher}/${event.sequence}`
      for (const proven of this.#behind.get(key)?.proven ?? []) proven()
      this.#behind.delete(key)
    } else if (event.kind === 'closed') {
      this.#since.delete(event.client)
      // Sent again on another connection they prove nothing.
      for (const [key, { client }] of this.#behind) {
        if (client === event.client) this.#behind.delete(key)
      }
    }
  }
}
