// Records of an image that are about delayed messages and the expressions of subscriptions.

import type { Writer } from '../../packet/writer.ts'
import type { ByteReader } from '../bytes.ts'
import type { SessionView } from './entries.ts'
import type { Ledger } from './ledger.ts'

/** The expression of a subscription of the session in the record before. */
export const FILTERED = 40

export function writeFiltered(writer: Writer, { clientId, subscriptions }: SessionView): void {
  for (const { filter, where } of subscriptions.values()) {
    if (where === undefined) continue
    writer.uint8(FILTERED)
    writer.string(clientId)
    writer.string(filter)
    writer.string(where)
  }
}

export function readFiltered(reader: ByteReader, ledger: Ledger): void {
  const subscriptions = ledger.sessionToChange(reader.string())?.subscriptions
  const filter = reader.string()
  const where = reader.string()
  const subscription = subscriptions?.get(filter)
  if (subscription !== undefined) subscriptions?.set(filter, { ...subscription, where })
}

export function readHeld(reader: ByteReader, ledger: Ledger): void {
  const sequence = reader.uint53()
  const slot = reader.uint32()
  ledger.restoreHeld(sequence, slot, reader.double(), reader.string())
}
