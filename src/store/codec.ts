// The encoding of values in records of the log, with one codec per type. A codec must never change, because logs are kept.

import type { Identity } from '../access/identity.ts'
import { contentBytes, type Message } from '../message.ts'
import type { QoS, Will } from '../packet/packet.ts'
import type { Writer } from '../packet/writer.ts'
import { queueInFilter, queueTopic } from '../routing/queue-filter.ts'
import { isShareStrategyName } from '../routing/share-strategy.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { ByteReader } from './bytes.ts'
import {
  qosIn,
  readAuthor,
  readMessage,
  readWill,
  writeAuthor,
  writeMessage,
  writeWill,
} from './message-codec.ts'

/** `beside`: the other fields of the record, for codecs that depend on them. When reading, only earlier fields are there. */
export interface Codec<Value, Beside extends object = object> {
  write(writer: Writer, value: Value, beside: Beside): void
  read(reader: ByteReader, beside: Beside): Value
}

/** The fields of a record by name, in the order of the log. */
export type FieldCodecs = Readonly<Record<string, Codec<unknown>>>

export type FieldsOf<Codecs extends FieldCodecs> = {
  readonly [Name in keyof Codecs]: Codecs[Name] extends Codec<infer Value, infer _Beside>
    ? Value
    : never
}

export const NO_IDENTIFIERS: readonly number[] = []

/** QoS is in the two lowest bits of a byte of options. */
export const RETAIN_OPTION = 4
const NO_LOCAL_OPTION = 8
const RETAIN_HANDLING_SHIFT = 4

export const uint16: Codec<number> = {
  write: (writer, value) => writer.uint16(value),
  read: reader => reader.uint16(),
}

export const uint32: Codec<number> = {
  write: (writer, value) => writer.uint32(value),
  read: reader => reader.uint32(),
}

/** A whole number of up to 53 bits. */
export const uint53: Codec<number> = {
  write: (writer, value) => writer.uint53(value),
  read: reader => reader.uint53(),
}

/** A time in milliseconds; Infinity for never. */
export const milliseconds: Codec<number> = {
  write: (writer, value) => writer.double(value),
  read: reader => reader.double(),
}

export const text: Codec<string> = {
  write: (writer, value) => writer.string(value),
  read: reader => reader.string(),
}

export const identifiers: Codec<readonly number[]> = {
  write: writeIdentifiers,
  read: readIdentifiers,
}

export function writeIdentifiers(writer: Writer, values: readonly number[]): void {
  writer.uint16(values.length)
  for (const value of values) writer.uint32(value)
}

export function readIdentifiers(reader: ByteReader): readonly number[] {
  const count = reader.uint16()
  return count === 0 ? NO_IDENTIFIERS : Array.from({ length: count }, () => reader.uint32())
}

const qos: Codec<QoS, { readonly retain: boolean }> = {
  write: (writer, value, { retain }) => writer.uint8(value | (retain ? RETAIN_OPTION : 0)),
  read: reader => qosIn(reader.uint8()),
}

const retain: Codec<boolean> = {
  write: () => {},
  read: reader => ((reader.bytes[reader.position - 1] ?? 0) & RETAIN_OPTION) !== 0,
}

/** Two fields in one byte. */
export const qosAndRetain: { readonly qos: Codec<QoS>; readonly retain: Codec<boolean> } = {
  qos,
  retain,
}

/** An identity without its client id, which is another field of the record. */
export const identity: Codec<Identity, { readonly clientId: string }> = {
  write: writeIdentity,
  read: (reader, { clientId }) => readIdentity(reader, clientId),
}

export function writeIdentity(writer: Writer, value: Identity): void {
  writeAuthor(writer, value)
}

export function readIdentity(reader: ByteReader, clientId: string): Identity {
  return { clientId, ...readAuthor(reader) }
}

export const will: Codec<Will> = { write: writeWill, read: readWill }

/** A message, with its length and `contentBytes` in front, so that a reader can skip it. */
export const message: Codec<Message> = { write: writeFramedMessage, read: readFramedMessage }

function writeFramedMessage(writer: Writer, value: Message): void {
  const lengthAt = writer.length
  writer.uint32(0)
  writer.uint32(contentBytes(value))
  const start = writer.length
  writeMessage(writer, value)
  writer.patchUint32(lengthAt, writer.length - start)
}

/** A newer version may have written more behind the message. */
function readFramedMessage(reader: ByteReader): Message {
  const length = reader.uint32()
  reader.position += 4
  const end = reader.position + length
  const read = readMessage(reader)
  reader.position = end
  return read
}

export const subscription: Codec<Subscription> = {
  write: writeSubscription,
  read: readSubscription,
}

export function writeSubscription(writer: Writer, subscription: Subscription): void {
  const { filter, topicFilter, shareName, qos, identifier } = subscription
  writer.string(filter)
  writer.string(topicFilter)
  writer.uint8(shareName === null ? 0 : 1)
  if (shareName !== null) writer.string(shareName)
  writer.uint8(
    qos |
      (subscription.retainAsPublished ? RETAIN_OPTION : 0) |
      (subscription.noLocal ? NO_LOCAL_OPTION : 0) |
      (subscription.retainHandling << RETAIN_HANDLING_SHIFT),
  )
  writer.uint32(identifier)
  writer.string(subscription.strategy ?? '')
  writer.uint16(subscription.weight ?? 0)
}

export function readSubscription(reader: ByteReader): Subscription {
  const filter = reader.string()
  const matched = reader.string()
  const queue = queueInFilter(filter)?.name
  // Otherwise the same text would be kept in memory twice.
  const topicFilter =
    queue === undefined ? (matched === filter ? filter : matched) : queueTopic(queue)
  const shareName = reader.uint8() === 0 ? null : reader.string()
  const options = reader.uint8()
  const identifier = reader.uint32()
  const strategy = reader.string()
  const weight = reader.uint16()
  return {
    filter,
    topicFilter,
    shareName,
    qos: qosIn(options),
    noLocal: (options & NO_LOCAL_OPTION) !== 0,
    retainAsPublished: (options & RETAIN_OPTION) !== 0,
    retainHandling: qosIn(options >> RETAIN_HANDLING_SHIFT),
    identifier,
    ...(isShareStrategyName(strategy) && { strategy }),
    ...(weight !== 0 && { weight }),
    ...(queue !== undefined && { queue }),
  }
}
