// What partitions say to each other, as bytes. Frames may be lost, repeated and reordered, so each says what it belongs to.

import type { Message } from '../message.ts'
import { Writer } from '../packet/writer.ts'
import { readMessage } from '../store/message-codec.ts'
import { FrameReader, UnreadableFrame } from './frame-reader.ts'
import { addressText } from './hand-over-address.ts'
import {
  type EncodedItem,
  type Item,
  itemBytes,
  messageBytes,
  readItem,
  writeItem,
  written,
} from './item.ts'

const VERSION = 1

/** One start of a partition. */
export interface Start {
  /** The id of its log. */
  readonly log: number
  /** How often the partition has started on this log. */
  readonly epoch: number
}

export function areSameStarts(one: Start, other: Start): boolean {
  return one.log === other.log && one.epoch === other.epoch
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
  for (const item of items) writeItem(writer, item)
  writer.uint53(head.firstBeside)
  writer.uint32(beside.length)
  for (const bytes of beside) writer.raw(bytes)
  return written(writer)
}

/** Returns the frame in bytes, with other starts: tests make late frames of it. */
export function withStarts(frame: Frame, sender: Start, receiver: Start): Buffer {
  const items = frame.items.map(item => {
    if (item.kind === 'message') return { bytes: messageBytes(item.message), number: item.number }
    if (item.kind !== 'handed-over') return { bytes: itemBytes(item), number: null }
    const { number, address, message } = item
    return { bytes: messageBytes(message), number, to: addressText(address) }
  })
  return encodeFrame({ ...frame, sender, receiver }, items, frame.beside.map(messageBytes))
}

/** Throws `UnreadableFrame`. */
export function decodeFrame(bytes: Buffer): Frame {
  const reader = new FrameReader(bytes)
  const version = reader.uint8()
  if (version !== VERSION) throw new UnreadableFrame(`it is of version ${version}`)
  const from = reader.uint16()
  const sender = readStart(reader)
  const receiver = readStart(reader)
  const acknowledged = reader.uint53()
  const first = reader.uint53()
  const items = Array.from({ length: reader.uint32() }, () => readItem(reader))
  const firstBeside = reader.uint53()
  const beside = Array.from({ length: reader.uint32() }, () => readMessage(reader))
  if (!reader.isAtEnd) throw new UnreadableFrame('bytes follow its last message')
  return { from, sender, receiver, acknowledged, first, items, firstBeside, beside }
}

function writeStart({ log, epoch }: Start): void {
  writer.uint53(log)
  writer.uint53(epoch)
}

function readStart(reader: FrameReader): Start {
  return { log: reader.uint53(), epoch: reader.uint53() }
}
