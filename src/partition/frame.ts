// What partitions say to each other, as bytes. Frames may be lost, repeated and reordered, so each says what it belongs to.

import type { Message } from '../message.ts'
import { Writer } from '../packet/writer.ts'
import { ByteReader } from '../store/bytes.ts'
import { readMessage, writeMessage } from '../store/message-codec.ts'

const VERSION = 1

// The first byte of an item.
const FILTER_GONE = 0
const FILTER_WANTED = 1
const FILTER_WANTED_DURABLY = 2
const FILTERS_TOLD = 3
const MESSAGE = 4

/** A filter of the sender; `wanted` is null when nobody there has it any more. */
interface FilterItem {
  readonly kind: 'filter'
  readonly filter: string
  readonly wanted: 'durably' | 'transiently' | null
}

/** All filters that the sender had at its start, or at that of the receiver, came before this. */
interface FiltersTold {
  readonly kind: 'filters-told'
}

interface MessageItem {
  readonly kind: 'message'
  /** Its number in the sender's log; 0 if it is not stored there. */
  readonly number: number
  readonly message: Message
}

export type Item = FilterItem | FiltersTold | MessageItem

/** One start of a partition. */
export interface Start {
  /** The id of its log. */
  readonly log: number
  /** How often the partition has started on this log. */
  readonly epoch: number
}

interface FrameHead {
  readonly from: number
  readonly sender: Start
  /** The start of the receiver that it is for; zeros if the sender knows none. */
  readonly receiver: Start
  /** All items of the receiver's stream up to this one are applied and durable. */
  readonly acknowledged: number
  /** The position of the first item in the stream, and of the first message of QoS 0 beside it. */
  readonly first: number
  readonly firstBeside: number
}

export interface Frame extends FrameHead {
  readonly items: readonly Item[]
  readonly beside: readonly Message[]
}

const writer = new Writer()

export function itemBytes(item: Exclude<Item, MessageItem>): Buffer {
  writer.reset()
  if (item.kind === 'filters-told') writer.uint8(FILTERS_TOLD)
  else {
    const { filter, wanted } = item
    writer.uint8(
      wanted === null ? FILTER_GONE : wanted === 'durably' ? FILTER_WANTED_DURABLY : FILTER_WANTED,
    )
    writer.string(filter)
  }
  return written()
}

/** The message alone: its number differs from line to line. */
export function messageBytes(message: Message): Buffer {
  writer.reset()
  writeMessage(writer, message)
  return written()
}

/** An item as a line keeps it. */
export interface EncodedItem {
  readonly bytes: Buffer
  /** The number of a message; null for anything else. */
  readonly number: number | null
}

export function encodeFrame(
  head: FrameHead,
  items: readonly EncodedItem[],
  beside: readonly Buffer[],
): Buffer {
  writer.reset()
  writer.uint8(VERSION)
  writer.uint16(head.from)
  writeStart(head.sender)
  writeStart(head.receiver)
  writer.uint53(head.acknowledged)
  writer.uint53(head.first)
  writer.uint32(items.length)
  for (const { bytes, number } of items) {
    if (number !== null) {
      writer.uint8(MESSAGE)
      writer.uint53(number)
    }
    writer.raw(bytes)
  }
  writer.uint53(head.firstBeside)
  writer.uint32(beside.length)
  for (const bytes of beside) writer.raw(bytes)
  return written()
}

/** Returns the frame in bytes, with other starts: tests make late frames of it. */
export function withStarts(frame: Frame, sender: Start, receiver: Start): Buffer {
  const items = frame.items.map(item =>
    item.kind === 'message'
      ? { bytes: messageBytes(item.message), number: item.number }
      : { bytes: itemBytes(item), number: null },
  )
  return encodeFrame({ ...frame, sender, receiver }, items, frame.beside.map(messageBytes))
}

/** Returns null for a frame of another version. */
export function decodeFrame(bytes: Buffer): Frame | null {
  const reader = new ByteReader(bytes)
  if (reader.uint8() !== VERSION) return null
  const from = reader.uint16()
  const sender = readStart(reader)
  const receiver = readStart(reader)
  const acknowledged = reader.uint53()
  const first = reader.uint53()
  const items = Array.from({ length: reader.uint32() }, () => readItem(reader))
  const firstBeside = reader.uint53()
  const beside = Array.from({ length: reader.uint32() }, () => readMessage(reader))
  return { from, sender, receiver, acknowledged, first, items, firstBeside, beside }
}

function readItem(reader: ByteReader): Item {
  const kind = reader.uint8()
  switch (kind) {
    case MESSAGE:
      return { kind: 'message', number: reader.uint53(), message: readMessage(reader) }
    case FILTERS_TOLD:
      return { kind: 'filters-told' }
    case FILTER_GONE:
      return { kind: 'filter', filter: reader.string(), wanted: null }
    case FILTER_WANTED:
      return { kind: 'filter', filter: reader.string(), wanted: 'transiently' }
    case FILTER_WANTED_DURABLY:
      return { kind: 'filter', filter: reader.string(), wanted: 'durably' }
    default:
      throw new Error(`a frame has an item of the unknown kind ${kind}`)
  }
}

function writeStart({ log, epoch }: Start): void {
  writer.uint53(log)
  writer.uint53(epoch)
}

function readStart(reader: ByteReader): Start {
  return { log: reader.uint53(), epoch: reader.uint53() }
}

/** A copy: the writer is used again. */
function written(): Buffer {
  const bytes = Buffer.allocUnsafeSlow(writer.length)
  writer.copyTo(bytes, 0)
  return bytes
}
