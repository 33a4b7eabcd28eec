// The values of `$message-id` that clients have published lately, in the order of time.

import type { StoredMessageId } from '../store.ts'
import { type ImagedEntry, ImagedMap } from './imaged-map.ts'

type MessageIdEntry = StoredMessageId & ImagedEntry

export class MessageIdTable {
  readonly #all = new ImagedMap<string, MessageIdEntry>()

  get all(): Iterable<StoredMessageId> {
    return idsOf(this.#all)
  }

  add(clientId: string, id: string, at: number): void {
    this.forget(clientId, id)
    this.#all.set(keyOf(clientId, id), { clientId, id, at, image: 0 })
  }

  forget(clientId: string, id: string): void {
    this.#all.delete(keyOf(clientId, id))
  }

  beginImage(): void {
    this.#all.beginImage()
  }

  endImage(): void {
    this.#all.endImage()
  }

  imageEntries(): Iterable<StoredMessageId> {
    return idsOf(this.#all.imageEntries())
  }
}

function* idsOf(entries: Iterable<readonly [string, MessageIdEntry]>): Iterable<StoredMessageId> {
  for (const [, { clientId, id, at }] of entries) yield { clientId, id, at }
}

/** No text of MQTT has U+0000 [MQTT-1.5.4-2]. */
function keyOf(clientId: string, id: string): string {
  return `${clientId}\0${id}`
}
