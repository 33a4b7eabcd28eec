// The recipient of a sent delivery. It is stored as an empty text when it is the client that the delivery was queued
// for.

import type { Writer } from '../packet/writer.ts'
import type { ByteReader } from './bytes.ts'
import type { Codec } from './codec.ts'
import { clientOf, type Owner } from './owner.ts'

export function writeRecipient(writer: Writer, clientId: string, owner: Owner): void {
  writer.string(clientOf(owner) === clientId ? '' : clientId)
}

export function readRecipient(reader: ByteReader, owner: Owner): string {
  const clientId = reader.name()
  return clientId === '' ? (clientOf(owner) ?? '') : clientId
}

export const recipient: Codec<string, { readonly owner: Owner }> = {
  write: (writer, clientId, { owner }) => writeRecipient(writer, clientId, owner),
  read: (reader, { owner }) => readRecipient(reader, owner),
}
