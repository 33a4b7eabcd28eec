// What partitions say to each other about named queues, as bytes.

import type { Message } from '../message.ts'
import type { Writer } from '../packet/writer.ts'
import type { ByteReader } from '../store/bytes.ts'
import { readMessage, writeMessage } from '../store/message-codec.ts'

// The first byte of an item.
const QUEUE = 17
const QUEUE_GONE = 18
const CONSUMER = 19
const CONSUMER_GONE = 20
const LENT = 21
const ANSWERED = 22

/** A named queue that the sender keeps. */
export interface QueueItem {
  readonly kind: 'queue'
  readonly name: string
  /** What it takes in; null when it is gone. */
  readonly filters: readonly string[] | null
  /** Whether it is full, and refuses. */
  readonly isFull: boolean
}

interface ConsumerName {
  readonly queue: string
  readonly clientId: string
}

/** A client of the sender consumes from a queue that the receiver keeps. */
export interface ConsumerItem extends ConsumerName {
  readonly kind: 'consumer'
  readonly qos: 0 | 1
  readonly retainAsPublished: boolean
  /** Another number for each connection; 0 while its client is away. */
  readonly attachment: number
  /** How many messages it may have at once. */
  readonly window: number
}

export interface ConsumerGone extends ConsumerName {
  readonly kind: 'consumer-gone'
}

/** A message of a queue for a consumer, which has it until it answers or disconnects. */
export interface Lent extends ConsumerName {
  readonly kind: 'lent'
  readonly attachment: number
  /** 0 at QoS 0: nobody answers. */
  readonly packetId: number
  readonly message: Message
}

export interface Answered extends ConsumerName {
  readonly kind: 'answered'
  readonly attachment: number
  readonly packetId: number
  readonly isRefused: boolean
}

export type QueueSaid = QueueItem | ConsumerItem | ConsumerGone | Lent | Answered

export function writeQueueSaid(writer: Writer, item: QueueSaid): void {
  if (item.kind === 'queue') {
    writeQueue(writer, item)
    return
  }
  writer.uint8(KINDS[item.kind])
  writer.string(item.queue)
  writer.string(item.clientId)
  if (item.kind === 'consumer-gone') return
  writer.uint53(item.attachment)
  if (item.kind === 'consumer') {
    writer.uint16(item.window)
    writer.uint8(item.qos)
    writer.uint8(item.retainAsPublished ? 1 : 0)
    return
  }
  writer.uint16(item.packetId)
  if (item.kind === 'lent') writeMessage(writer, item.message)
  else writer.uint8(item.isRefused ? 1 : 0)
}

const KINDS = {
  consumer: CONSUMER,
  'consumer-gone': CONSUMER_GONE,
  lent: LENT,
  answered: ANSWERED,
} as const

function writeQueue(writer: Writer, { name, filters, isFull }: QueueItem): void {
  writer.uint8(filters === null ? QUEUE_GONE : QUEUE)
  writer.string(name)
  if (filters === null) return
  writer.uint8(isFull ? 1 : 0)
  writer.uint16(filters.length)
  for (const filter of filters) writer.string(filter)
}

/** Returns null for another kind of item. */
export function readQueueSaid(kind: number, reader: ByteReader): QueueSaid | null {
  if (kind === QUEUE || kind === QUEUE_GONE) return readQueue(kind, reader)
  if (kind < CONSUMER || kind > ANSWERED) return null
  const names = { queue: reader.string(), clientId: reader.string() }
  if (kind === CONSUMER_GONE) return { kind: 'consumer-gone', ...names }
  const attachment = reader.uint53()
  if (kind === CONSUMER) {
    const window = reader.uint16()
    const qos = reader.uint8() === 0 ? 0 : 1
    return {
      ...{ kind: 'consumer', ...names, qos, attachment, window },
      retainAsPublished: reader.uint8() === 1,
    }
  }
  const packetId = reader.uint16()
  if (kind === LENT) {
    return { kind: 'lent', ...names, attachment, packetId, message: readMessage(reader) }
  }
  return { kind: 'answered', ...names, attachment, packetId, isRefused: reader.uint8() === 1 }
}

function readQueue(kind: number, reader: ByteReader): QueueItem {
  const name = reader.string()
  if (kind === QUEUE_GONE) return { kind: 'queue', name, filters: null, isFull: false }
  const isFull = reader.uint8() === 1
  const filters = Array.from({ length: reader.uint16() }, () => reader.string())
  return { kind: 'queue', name, filters, isFull }
}
