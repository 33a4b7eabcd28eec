// The records of one frame of the log → Ledger. Messages are skipped; only their places are kept. The four kinds that each
// durable message makes, and the one of each transaction, are decoded by hand, for speed; a test compares them with their rows.

import type { ByteReader } from '../bytes.ts'
import {
  applyByRow,
  DECIDED,
  DECIDED_AND_DROPPED,
  MESSAGE_STORED,
  MOVED,
  QUEUED,
  SENT,
  SENT_WITHOUT_IDENTIFIERS,
  SETTLED,
} from '../change-codec.ts'
import { NO_IDENTIFIERS, readIdentifiers, RETAIN_OPTION } from '../codec.ts'
import { readDecision } from '../decision.ts'
import { qosIn } from '../message-codec.ts'
import { readOwner } from '../owner.ts'
import { readRecipient } from '../recipient.ts'
import { RETAIN } from './delivery-options.ts'
import type { Ledger } from './ledger.ts'
import type { Position } from './message-table.ts'

const KIND_BYTES = 1
/** The offset of the message in a record of `message-stored` or `MOVED`: behind kind, length and size. */
export const MESSAGE_IN_RECORD = 9
/** The offset of the sequence in a message: behind its flags. */
const FLAGS_BYTES = 1

/**
 * Applies the whole payload of the frame at this position. Throws NewerVersion, and an Error for records that contradict
 * earlier ones.
 */
export function applyRecords(ledger: Ledger, reader: ByteReader, position: Position): void {
  const { length } = reader.bytes
  while (reader.position < length) {
    const number = reader.bytes[reader.position]
    if (number === MESSAGE_STORED) storeMessage(ledger, reader, position)
    else if (number === QUEUED) queue(ledger, reader)
    else if (number === SENT_WITHOUT_IDENTIFIERS || number === SENT) send(ledger, reader)
    else if (number === SETTLED) settle(ledger, reader)
    else if (number === DECIDED || number === DECIDED_AND_DROPPED) decide(ledger, reader)
    else if (number === MOVED) passOver(reader)
    else applyByRow(ledger, reader, { position, record: reader.position })
  }
  ledger.endCommit()
}

function storeMessage(ledger: Ledger, reader: ByteReader, position: Position): void {
  const record = reader.position
  reader.position += KIND_BYTES
  const length = reader.uint32()
  const size = reader.uint32()
  const end = reader.position + length
  reader.position += FLAGS_BYTES
  ledger.storeMessage(reader.uint53(), size, position, record)
  reader.position = end
}

function queue(ledger: Ledger, reader: ByteReader): void {
  reader.position += KIND_BYTES
  const delivery = reader.uint53()
  const sequence = reader.uint53()
  const options = readOptions(reader)
  const packetId = reader.uint16()
  const identifiers = readIdentifiers(reader)
  ledger.queue(delivery, readOwner(reader), sequence, options, identifiers, packetId)
}

function send(ledger: Ledger, reader: ByteReader): void {
  const number = reader.uint8()
  const delivery = reader.uint53()
  const packetId = reader.uint16()
  const options = readOptions(reader)
  const owner = readOwner(reader)
  const clientId = readRecipient(reader, owner)
  const identifiers = number === SENT ? readIdentifiers(reader) : NO_IDENTIFIERS
  ledger.send(delivery, owner, clientId, packetId, options, identifiers)
}

function settle(ledger: Ledger, reader: ByteReader): void {
  reader.position += KIND_BYTES
  ledger.settle(reader.uint53(), readOwner(reader))
}

function decide(ledger: Ledger, reader: ByteReader): void {
  const number = reader.uint8()
  const decision = readDecision(reader)
  ledger.decisions.set(decision, number === DECIDED ? null : reader.uint53())
}

function passOver(reader: ByteReader): void {
  reader.position += KIND_BYTES
  const length = reader.uint32()
  reader.position += 4 + length
}

function readOptions(reader: ByteReader): number {
  const options = reader.uint8()
  return qosIn(options) | ((options & RETAIN_OPTION) === 0 ? 0 : RETAIN)
}
