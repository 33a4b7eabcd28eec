// Whom of another partition a message is for, as one text: the client, and the share group.

import { type GroupName, keyOf } from '../broker/share-overrides.ts'

/** A hand-out to a member; with an empty client id something that comes back to its group. */
export interface Address {
  readonly clientId: string
  readonly group: GroupName
}

const BYTES_MAX = 65_535

// No text of MQTT has U+0000 [MQTT-1.5.4-2], and no share name a slash [MQTT-4.8.2-1].
export function addressText({ clientId, group }: Address): string {
  return `${clientId}\0${keyOf(group)}`
}

/** Returns null for what is not an address. */
export function readAddress(text: string): Address | null {
  const [clientId, path, where, ...more] = text.split('\0')
  const slash = path?.indexOf('/') ?? -1
  if (clientId === undefined || path === undefined || slash === -1 || more.length > 0) return null
  const plain = { shareName: path.slice(0, slash), topicFilter: path.slice(slash + 1) }
  return { clientId, group: where === undefined ? plain : { ...plain, where } }
}

/** Whether the address can be stored and sent. */
export function isAddressable(address: Address): boolean {
  return Buffer.byteLength(addressText(address)) <= BYTES_MAX
}
