// Records of an image that are about delayed messages and what subscriptions say beyond MQTT's options.

import type { Writer } from '../../packet/writer.ts'
import type { ByteReader } from '../bytes.ts'
import type { SessionView } from './entries.ts'
import type { Ledger } from './ledger.ts'

/** The expression of a subscription of the session in the record before. */
export const FILTERED = 40
/** The same, of one that is conflated. */
export const CONFLATED = 80

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

export function writeConflated(writer: Writer, { clientId, subscriptions }: SessionView): void {
  for (const { filter, conflateMs } of subscriptions.values()) {
    if (conflateMs === undefined) continue
    writer.uint8(CONFLATED)
    writer.string(clientId)
    writer.string(filter)
    writer.uint32(conflateMs)
  }
}

export function readConflated(reader: ByteReader, ledger: Ledger): void {
  const subscriptions = ledger.sessionToChange(reader.string())?.subscriptions
  const filter = reader.string()
  const conflateMs = reader.uint32()
  const subscription = subscriptions?.get(filter)
  if (subscription !== undefined) subscriptions?.set(filter, { ...subscription, conflateMs })
}

export function readHeld(reader: ByteReader, ledger: Ledger): void {
  const sequence = reader.uint53()
  const slot = reader.uint32()
  ledger.restoreHeld(sequence, slot, reader.double(), reader.string())
}
