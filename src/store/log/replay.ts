// Records of the log → LogState. Messages are passed over: only where they lie is kept.

import { ByteReader } from '../bytes.ts'
import {
  KIND,
  readChange,
  readIdentifiers,
  readOwner,
  readRecipient,
  SENT_WITH_IDENTIFIERS,
} from '../change-codec.ts'
import { applyToClient } from '../client-changes.ts'
import { qosIn } from '../message-codec.ts'
import type { Change } from '../change.ts'
import type { LogState } from './log-state.ts'

/** A message that was brought together with others: whoever refers to it is told so by the next checkpoint. */
export const MOVED = 255

const NO_IDENTIFIERS: readonly number[] = []
const KIND_BYTES = 1
const RETAIN = 4

/** Applies the payload of one frame, as a whole. Throws for records that contradict what went before. */
export function replay(state: LogState, payload: Buffer, segment: number, frame: number): void {
  const reader = new ByteReader(payload)
  while (reader.position < payload.length) {
    const kind = payload[reader.position]
    if (kind === KIND['message-stored']) storeMessage(state, reader, segment, frame)
    else if (kind === KIND.queued) queue(state, reader)
    else if (kind === KIND.sent || kind === SENT_WITH_IDENTIFIERS) send(state, reader)
    else if (kind === KIND.settled) settle(state, reader)
    else if (kind === MOVED) passOver(reader)
    else apply(state, readChange(reader))
  }
  state.endGroupOfRecords()
}

/** Where the message begins in a record of `message-stored` or `MOVED`: behind its kind, length and size. */
export const MESSAGE_IN_RECORD = 9
/** Before the sequence in a message stand its flags. */
const FLAGS_BYTES = 1

function storeMessage(state: LogState, reader: ByteReader, segment: number, frame: number): void {
  const record = reader.position
  reader.position += KIND_BYTES
  const length = reader.uint32()
  const size = reader.uint32()
  const end = reader.position + length
  reader.position += FLAGS_BYTES
  state.storeMessage(reader.uint53(), state.messages.add(segment, frame, record, size))
  reader.position = end
}

function queue(state: LogState, reader: ByteReader): void {
  reader.position += KIND_BYTES
  const delivery = reader.uint53()
  const sequence = reader.uint53()
  const options = reader.uint8()
  const packetId = reader.uint16()
  const identifiers = readIdentifiers(reader)
  const owner = readOwner(reader)
  const kept = qosIn(options) | (options & RETAIN)
  state.queue(delivery, owner, sequence, kept, identifiers, packetId)
}

function send(state: LogState, reader: ByteReader): void {
  const kind = reader.uint8()
  const delivery = reader.uint53()
  const packetId = reader.uint16()
  const options = reader.uint8()
  const owner = readOwner(reader)
  const clientId = readRecipient(reader, owner)
  const identifiers = kind === SENT_WITH_IDENTIFIERS ? readIdentifiers(reader) : NO_IDENTIFIERS
  const sentWith = qosIn(options) | (options & RETAIN)
  state.send(delivery, owner, clientId, packetId, sentWith, identifiers)
}

function settle(state: LogState, reader: ByteReader): void {
  reader.position += KIND_BYTES
  state.settle(reader.uint53(), readOwner(reader))
}

function passOver(reader: ByteReader): void {
  reader.position += KIND_BYTES
  const length = reader.uint32()
  reader.position += 4 + length
}

function apply(state: LogState, change: Change): void {
  switch (change.kind) {
    case 'received':
      state.receive(change.delivery, change.clientId)
      return
    case 'returned':
      state.returnToGroup(change.delivery, change.clientId, change.owner)
      return
    case 'group-ended':
      state.endGroup(change.owner)
      return
    case 'retained-set':
      state.retain(change.topic, change.sequence)
      return
    case 'retained-cleared':
      state.clearRetained(change.topic)
      return
    case 'session-opened':
      state.openSession(change.clientId, change.expiryIntervalSeconds)
      return
    case 'session-ended':
      state.endSession(change.clientId)
      return
    // replay() reads these without making a change of them.
    case 'message-stored':
    case 'queued':
    case 'sent':
    case 'settled':
      return
    default:
      applyToClient(state.sessions, state.wills, change)
  }
}
